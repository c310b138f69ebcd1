// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"
#include "agent/output/format.h"
#include "agent/output/text_table.h"
#include "agent/state_directory.h"
#include "agent/store/finding_store.h"
#include "agent/store/state_audit.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

constexpr std::size_t kShownDigits = 16, kFewestDigits = 4, kShownBytes = 4096;

struct Arguments {
  std::string id, file, finding, head;
};

/// What an agent left in the state directory; each part may be missing.
struct State {
  std::string directory;
  std::unique_ptr<StateDatabase> database;
  std::unique_ptr<EvidenceStore> evidence;
};

Attempt<State> open_state() {
  auto directory = StateDirectory::open();
  if (!directory) return fail(Failure(std::move(directory).error(), Exit::internal));
  State state{directory->path(), nullptr, nullptr};
  std::error_code error;
  if (std::filesystem::exists(directory->agent_database(), error)) {
    auto database = StateDatabase::open(directory->agent_database());
    // What cannot be opened because of what it holds was changed.
    if (!database)
      return fail(Failure(database.error(),
                          database.error().code == Errc::malformed ? Exit::violations : Exit::internal));
    state.database = std::move(*database);
  }
  auto evidence = EvidenceStore::open_existing(directory->evidence());
  if (evidence)
    state.evidence = std::move(*evidence);
  else if (evidence.error().code != Errc::not_found)
    return fail(Failure(std::move(evidence).error(), Exit::internal));
  return state;
}

Attempt<State> open_evidence() {
  RINGSIDE_TRY(State state, open_state());
  if (!state.evidence)
    return fail(Failure({Errc::not_found, fmt::format("there is no evidence in {}", state.directory),
                         "ringside agent keeps it; RINGSIDE_STATE_DIR says where"},
                        Exit::usage));
  return state;
}

/// Which findings name a piece.
Result<std::map<std::string, std::vector<std::string>>> findings_by_piece(State& state) {
  std::map<std::string, std::vector<std::string>> named;
  if (!state.database) return named;
  Journal journal(*state.database);
  FindingStore findings(*state.database, journal);
  RINGSIDE_TRY(const auto all, findings.list({.limit = std::numeric_limits<std::size_t>::max()}));
  for (const auto& record : all)
    for (const auto& sha256 : record.evidence) named[sha256].push_back(record.id);
  return named;
}

/// The piece that an unambiguous beginning of its SHA-256 names.
Result<EvidenceStore::Piece> find_piece(const State& state, const std::string& id) {
  if (id.size() < kFewestDigits || id.find_first_not_of("0123456789abcdef") != std::string::npos)
    return fail(Errc::invalid_argument, fmt::format("\"{}\" is no evidence's id", id),
                "ringside evidence ls shows the ids; four digits or more of one will do");
  RINGSIDE_TRY(const auto pieces, state.evidence->list());
  const EvidenceStore::Piece* found = nullptr;
  for (const auto& piece : pieces) {
    if (!piece.sha256.starts_with(id)) continue;
    if (found != nullptr)
      return fail(Errc::invalid_argument, fmt::format("several pieces of evidence begin with {}", id),
                  "write more of its digits");
    found = &piece;
  }
  if (found == nullptr) return fail(Errc::not_found, fmt::format("there is no evidence {}", id));
  return *found;
}

/// Bytes that are there but not as they were kept are a violation of the evidence.
Attempt<Bytes> load_piece(const State& state, const EvidenceStore::Piece& piece) {
  auto bytes = state.evidence->load(piece.sha256);
  if (bytes) return std::move(*bytes);
  return fail(bytes.error().code == Errc::mismatch ? Failure(bytes.error(), Exit::violations)
                                                   : Failure(bytes.error()));
}

Json to_json(const EvidenceStore::Piece& piece, const std::vector<std::string>& findings) {
  return {{"sha256", piece.sha256},
          {"bytes", piece.bytes},
          {"stored", piece.stored},
          {"kept", rfc3339(piece.kept)},
          {"findings", findings}};
}

Outcome list(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(State state, open_state());
  std::vector<EvidenceStore::Piece> pieces;
  if (state.evidence) {
    RINGSIDE_TRY(pieces, state.evidence->list());
  }
  RINGSIDE_TRY(auto named, findings_by_piece(state));
  if (!arguments.finding.empty()) {
    const auto of_another = [&](const EvidenceStore::Piece& piece) {
      const auto& ids = named[piece.sha256];
      return std::none_of(ids.begin(), ids.end(),
                          [&](const std::string& id) { return id.starts_with(arguments.finding); });
    };
    std::erase_if(pieces, of_another);
  }
  if (context.options.json) {
    Json all = Json::array();
    for (const auto& piece : pieces) all.push_back(to_json(piece, named[piece.sha256]));
    write_document(context.out, {{"evidence", std::move(all)}});
    return Exit::clean;
  }
  if (pieces.empty()) {
    context.out << "no evidence is kept" << (arguments.finding.empty() ? "" : " of such a finding") << '\n';
    return Exit::clean;
  }
  TextTable table({{"EVIDENCE"}, {"SIZE", TextTable::Align::right}, {"KEPT"}, {"FINDINGS"}});
  for (const auto& piece : pieces)
    table.add({piece.sha256.substr(0, kShownDigits), human_size(piece.bytes), rfc3339(piece.kept),
               fmt::format("{}", fmt::join(named[piece.sha256], " "))});
  context.out << table.render(context.style());
  return Exit::clean;
}

bool is_text(std::string_view bytes) {
  std::string without_layout(bytes);
  std::erase_if(without_layout, [](char c) { return c == '\n' || c == '\t'; });
  return printable(without_layout) == without_layout;
}

Outcome show(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(State state, open_evidence());
  RINGSIDE_TRY(const auto piece, find_piece(state, arguments.id));
  RINGSIDE_TRY(auto named, findings_by_piece(state));
  RINGSIDE_TRY(const Bytes bytes, load_piece(state, piece));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (context.options.json) {
    Json json = to_json(piece, named[piece.sha256]);
    if (is_text(text))
      json["text"] = text;
    else
      json["hex"] = to_hex(bytes);
    write_document(context.out, json);
    return Exit::clean;
  }
  FactList facts;
  facts.add("evidence", piece.sha256);
  facts.add("size", human_size(bytes.size()));
  facts.add("kept", rfc3339(piece.kept));
  facts.add("findings",
            named[piece.sha256].empty() ? "(none)" : fmt::format("{}", fmt::join(named[piece.sha256], " ")));
  context.out << facts.render(context.style()) << '\n';
  if (is_text(text)) {
    context.out << text << (text.ends_with('\n') ? "" : "\n");
    return Exit::clean;
  }
  context.out << hexdump(0, ByteView(bytes).first(std::min(bytes.size(), kShownBytes)));
  if (bytes.size() > kShownBytes)
    context.out << fmt::format("and {} more; ringside evidence export {} FILE gives all\n",
                               human_size(bytes.size() - kShownBytes), arguments.id);
  return Exit::clean;
}

Outcome export_piece(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(State state, open_evidence());
  RINGSIDE_TRY(const auto piece, find_piece(state, arguments.id));
  RINGSIDE_TRY(const Bytes bytes, load_piece(state, piece));
  RINGSIDE_CHECK(write_file(arguments.file, bytes));
  if (context.options.json)
    write_document(context.out,
                   {{"sha256", piece.sha256}, {"bytes", bytes.size()}, {"file", arguments.file}});
  else
    context.out << fmt::format("wrote {} to {}\n", human_size(bytes.size()), printable(arguments.file));
  return Exit::clean;
}

Outcome verify(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(State state, open_state());
  if (!state.database)
    return fail(Failure({Errc::unavailable, fmt::format("there is no journal in {}", state.directory),
                         "ringside agent keeps it; RINGSIDE_STATE_DIR says where"},
                        Exit::unchecked));
  RINGSIDE_TRY(const StateAudit audit, audit_state(*state.database, state.evidence.get(), arguments.head));
  if (context.options.json) {
    Json problems = Json::array();
    for (const auto& problem : audit.problems)
      problems.push_back({{"where", problem.where}, {"what", problem.what}});
    write_document(context.out, {{"ok", audit.problems.empty()},
                                 {"entries", audit.journal.entries},
                                 {"head", audit.journal.head},
                                 {"open_findings", audit.open_findings},
                                 {"evidence", audit.pieces},
                                 {"problems", std::move(problems)}});
  } else {
    const Style style = context.style();
    FactList facts;
    facts.add("entries", std::to_string(audit.journal.entries));
    facts.add("head", audit.journal.head.empty() ? "(none)" : audit.journal.head);
    facts.add("open findings", std::to_string(audit.open_findings));
    facts.add("evidence", counted(audit.pieces, "piece"));
    context.out << facts.render(style);
    for (const auto& problem : audit.problems)
      context.out << fmt::format("{} {}: {}\n", style.red("CHANGED"), printable(problem.where),
                                 printable(problem.what));
    if (audit.problems.empty()) context.out << style.green("ok") << ": nothing was changed\n";
  }
  return audit.problems.empty() ? Exit::clean : Exit::violations;
}

}  // namespace

void add_evidence(CLI::App& app, Context& context) {
  auto* verb =
      app.add_subcommand("evidence", "What the agent kept of its findings, and whether it was changed");
  verb->require_subcommand(1);
  add_example(*verb, "  ringside evidence ls\n  ringside evidence verify");
  const auto arguments = std::make_shared<Arguments>();
  const auto add = [&](const char* name, const char* about, const char* example,
                       Outcome (*work)(Context&, const Arguments&)) {
    auto* part = verb->add_subcommand(name, about);
    add_output_options(*part, context);
    add_example(*part, example);
    part->callback([&context, arguments, work] {
      context.action = [&context, arguments, work] { return work(context, *arguments); };
    });
    return part;
  };
  auto* list_verb =
      add("ls", "What is kept, the last first", "  ringside evidence ls --finding 3f2a91c04b7e", list);
  list_verb->add_option("--finding", arguments->finding, "Of this finding only")->type_name("ID");

  auto* show_verb =
      add("show", "The bytes of a piece, with its findings", "  ringside evidence show 2cf24dba", show);
  show_verb->add_option("ID", arguments->id, "Its SHA-256, or the beginning of it")
      ->required()
      ->type_name("");

  auto* verify_verb = add(
      "verify", "Check the journal's chain and every piece, and both with each other",
      "  ringside evidence verify --head 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
      verify);
  verify_verb
      ->add_option("--head", arguments->head, "A head that was noted before: it must be in the journal still")
      ->type_name("HASH");

  auto* export_verb =
      add("export", "Write a piece to a file", "  ringside evidence export 2cf24dba page.bin", export_piece);
  export_verb->add_option("ID", arguments->id, "Its SHA-256, or the beginning of it")
      ->required()
      ->type_name("");
  export_verb->add_option("FILE", arguments->file, "File to write")->required()->type_name("");
}

}  // namespace ringside::agent
