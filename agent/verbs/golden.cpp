// SPDX-License-Identifier: Apache-2.0
#include "agent/log.h"
#include "agent/options.h"
#include "agent/output/cells.h"
#include "agent/output/format.h"
#include "agent/output/text_table.h"
#include "agent/state_directory.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"
#include "guest/live/golden_files.h"
#include "guest/live/golden_import.h"

#include <fmt/format.h>

#include <chrono>
#include <map>
#include <memory>
#include <ostream>
#include <set>

namespace ringside::agent {

namespace {

using guest::live::GoldenFiles;
using guest::live::GoldenImport;
using Clock = std::chrono::steady_clock;

struct Arguments {
  std::vector<std::string> files;
  std::string build_id;
  bool modules = false;
};

/// One line on a terminal that says how far the import is, once it takes longer than a second.
class Progress {
 public:
  explicit Progress(Context& context) : context_(context), next_(Clock::now() + std::chrono::seconds(1)) {}
  ~Progress() {
    if (shown_) context_.err << "\r\033[K" << std::flush;
  }
  void show(std::string_view name) {
    ++files_;
    const auto now = Clock::now();
    if (context_.options.quiet || !context_.err_is_terminal || now < next_) return;
    next_ = now + std::chrono::milliseconds(100);
    shown_ = true;
    context_.err << fmt::format("\r\033[K{}: {}", counted(files_, "file"), printable(std::string(name)))
                 << std::flush;
  }

 private:
  Context& context_;
  Clock::time_point next_;
  std::uint64_t files_ = 0;
  bool shown_ = false;
};

Attempt<std::unique_ptr<GoldenFiles>> open_files() {
  auto state = StateDirectory::open();
  if (!state) return fail(Failure(std::move(state).error(), Exit::internal));
  return std::make_unique<GoldenFiles>(state->path());
}

using Kind = GoldenFiles::Kind;

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::kernel:
      return "kernel";
    case Kind::types:
      return "types";
    case Kind::module:
      break;
  }
  return "module";
}

Json to_json(const GoldenFiles::Entry& entry) {
  Json json = {
      {"kind", name_of(entry.kind)}, {"id", entry.id}, {"release", entry.release}, {"bytes", entry.bytes}};
  if (entry.kind == Kind::module) json["name"] = entry.name;
  return json;
}

Outcome import_files(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(const auto files, open_files());
  Progress progress(context);
  GoldenImport import(*files, [&](std::string_view name) { progress.show(name); });
  for (const std::string& path : arguments.files) RINGSIDE_CHECK(import.take(path));
  std::vector<std::string> problems;
  for (const Error& problem : import.problems()) problems.push_back(problem.message);
  if (context.options.json) {
    Json kernels = Json::array();
    for (const auto& kernel : import.kernels()) kernels.push_back(to_json(kernel));
    Json types = Json::array();
    for (const auto& one : import.types()) types.push_back(to_json(one));
    write_document(context.out, {{"kernels", std::move(kernels)},
                                 {"types", std::move(types)},
                                 {"modules", import.modules()},
                                 {"problems", problems}});
  } else {
    for (const auto& kernel : import.kernels())
      context.out << fmt::format("kernel {}  {}\n", kernel.id, printable(kernel.release));
    for (const auto& one : import.types())
      context.out << fmt::format("types of kernel {}  {}\n", one.id, printable(one.release));
    if (import.modules() > 0) context.out << counted(import.modules(), "module") << '\n';
    if (import.kernels().empty() && import.types().empty() && import.modules() == 0)
      context.out << "nothing that could be imported was found\n";
  }
  return note_incomplete(problems);
}

void list_kernels(Context& context, const std::vector<GoldenFiles::Entry>& all) {
  struct Release {
    std::size_t modules = 0;
    std::uint64_t bytes = 0;
    bool named = false;  ///< by a kernel or its types
  };
  std::map<std::string, Release> releases;
  std::set<std::string> kernels, types;  // build ids
  for (const auto& entry : all) {
    Release& release = releases[entry.release];
    if (entry.kind == Kind::module) {
      ++release.modules;
      release.bytes += entry.bytes;
      continue;
    }
    release.named = true;
    (entry.kind == Kind::kernel ? kernels : types).insert(entry.id);
  }
  using Align = TextTable::Align;
  TextTable table({{"KERNEL"},
                   {"BUILD ID"},
                   {"SIZE", Align::right},
                   {"MODULES", Align::right},
                   {"SIZE", Align::right},
                   {"TYPES"}});
  const auto add = [&](const std::string& name, const std::string& id, const std::string& size) {
    const Release& release = releases[name];
    table.add({printable(name), id, size, std::to_string(release.modules), human_size(release.bytes),
               types.contains(id) ? "yes" : ""});
  };
  for (const auto& entry : all)
    if (entry.kind == Kind::kernel)
      add(entry.release, entry.id, human_size(entry.bytes));
    else if (entry.kind == Kind::types && !kernels.contains(entry.id))
      add(entry.release, entry.id, "(none)");
  for (const auto& [name, release] : releases)
    if (!release.named) add(name, "(not imported)", "");
  context.out << table.render(context.style());
}

Outcome list(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(const auto files, open_files());
  const auto all = files->list();
  if (context.options.json) {
    Json entries = Json::array();
    for (const auto& entry : all)
      if (entry.kind != Kind::module || arguments.modules) entries.push_back(to_json(entry));
    write_document(context.out, {{"golden", std::move(entries)}});
    return Exit::clean;
  }
  if (all.empty()) {
    context.out << "nothing was imported yet; ringside golden import FILE takes a vmlinuz or a linux-image "
                   "package\n";
  } else if (arguments.modules) {
    TextTable table({{"KERNEL"}, {"MODULE"}, {"ID"}, {"SIZE", TextTable::Align::right}});
    for (const auto& entry : all)
      if (entry.kind == Kind::module)
        table.add({printable(entry.release), printable(entry.name), entry.id, human_size(entry.bytes)});
    context.out << table.render(context.style());
  } else {
    list_kernels(context, all);
  }
  return Exit::clean;
}

Outcome remove(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(const auto files, open_files());
  RINGSIDE_TRY(const std::size_t removed, files->remove(arguments.build_id));
  if (context.options.json)
    write_document(context.out, {{"removed", removed}});
  else
    context.out << fmt::format("removed {}\n", counted(removed, "file"));
  return Exit::clean;
}

}  // namespace

void add_golden(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("golden", "Keep what vendors shipped, to compare guests with");
  verb->require_subcommand(1);
  add_example(*verb, "  ringside golden import /boot/vmlinuz-6.1.0-56-cloud-amd64\n  ringside golden list");
  const auto arguments = std::make_shared<Arguments>();

  auto* import_verb = verb->add_subcommand(
      "import", "Take kernels and modules; guests with that build id are compared with them");
  import_verb
      ->add_option("FILE", arguments->files,
                   "vmlinuz, vmlinux, .ko (also .xz, .zst, .gz), linux-image .deb, or a directory of them")
      ->required()
      ->type_name("");
  add_output_options(*import_verb, context);
  add_example(*import_verb, "  ringside golden import linux-image-6.1.0-56-cloud-amd64_6.1.192-1_amd64.deb");
  import_verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return import_files(context, *arguments); };
  });

  auto* list_verb = verb->add_subcommand("list", "What was imported");
  list_verb->add_flag("--modules", arguments->modules, "Each module");
  add_output_options(*list_verb, context);
  add_example(*list_verb, "  ringside golden list --modules");
  list_verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return list(context, *arguments); };
  });

  auto* remove_verb = verb->add_subcommand(
      "remove", "Forget a kernel, with its modules if it is the last of its release, or a module");
  remove_verb->add_option("BUILDID", arguments->build_id, "As golden list shows it")
      ->required()
      ->type_name("");
  add_output_options(*remove_verb, context);
  add_example(*remove_verb, "  ringside golden remove 3b43fad5034874490492495d552c0af6a5fab235");
  remove_verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return remove(context, *arguments); };
  });
}

}  // namespace ringside::agent
