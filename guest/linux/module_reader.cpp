// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/module_reader.h"

namespace ringside::guest::linux {

namespace {

using Presence = ObjectReader::Presence;

/// Of one string of a module. Arguments are longest: they come from a command line, which has 2048 bytes
/// (arch/x86/include/asm/setup.h, COMMAND_LINE_SIZE), or from finit_module().
constexpr std::size_t kMaxText = 4096;

}  // namespace

ModuleReader::ModuleReader(Kernel& kernel, ModuleParts parts)
    : kernel_(kernel), parts_(parts), module_(kernel, "module"), kallsyms_(kernel, "mod_kallsyms") {
  state_ = module_.add("state");
  name_ = module_.add("name");
  if (has(parts, ModuleParts::layout)) layout_.emplace(kernel, module_);
  if (has(parts, ModuleParts::references)) references_ = module_.add({"refcnt.counter", "refcnt"});
  if (has(parts, ModuleParts::texts)) {
    version_ = module_.add("version");
    srcversion_ = module_.add("srcversion");
    args_ = module_.add("args");
  }
  if (has(parts, ModuleParts::taints)) taints_ = module_.add("taints");
  if (has(parts, ModuleParts::functions)) {
    init_ = module_.add("init");
    exit_ = module_.add("exit");
  }
  if (has(parts, ModuleParts::symbols)) {
    symbols_ = module_.add("kallsyms");
    symbol_count_ = kallsyms_.add("num_symtab");
  }
  if (has(parts, ModuleParts::parameters)) parameters_ = module_.add("num_kp");
}

std::vector<Error> ModuleReader::missing() const {
  std::vector<Error> all = module_.missing();
  all.insert(all.end(), kallsyms_.missing().begin(), kallsyms_.missing().end());
  return all;
}

Result<Module> ModuleReader::read(Gva address, const std::function<void(Error)>& problem) {
  RINGSIDE_CHECK(module_.read(address));
  Module module;
  module.address = address;
  const auto name = module_.text(name_);
  const auto state = module_.u32(state_);
  if (!name || !state) return fail(Errc::unavailable, "the layout of struct module is not known");
  module.name = *name;
  module.state = static_cast<ModuleState>(*state);
  if (module.state != ModuleState::unformed) take_parts(module, problem);
  return module;
}

std::optional<std::string> ModuleReader::text(ObjectReader::Member member, const Module& module,
                                              const char* what, const std::function<void(Error)>& problem) {
  const auto at = module_.pointer(member);
  if (!at || *at == Gva{0}) return std::nullopt;
  auto read = kernel_.read_string(*at, kMaxText);
  if (read) return std::move(*read);
  problem(read.error().within(std::string(what) + " of module " + module.name));
  return std::nullopt;
}

void ModuleReader::take_parts(Module& module, const std::function<void(Error)>& problem) {
  if (layout_)
    layout_->take(module_, module,
                  [&](Error error) { problem(error.within("the memory of module " + module.name)); });
  // The kernel holds one reference itself while the module is there (MODULE_REF_BASE, kernel/module/main.c).
  if (const auto count = module_.u32(references_))
    module.references = std::int64_t{static_cast<std::int32_t>(*count)} - 1;
  module.version = text(version_, module, "the version", problem);
  module.srcversion = text(srcversion_, module, "the source version", problem);
  module.args = text(args_, module, "the arguments", problem);
  module.taints = module_.integer(taints_);
  module.init = module_.pointer(init_);
  module.exit = module_.pointer(exit_);
  module.parameters = module_.u32(parameters_);
  if (const auto at = module_.pointer(symbols_); at && *at != Gva{0}) {
    if (auto read = kallsyms_.read(*at); read)
      module.symbols = kallsyms_.u32(symbol_count_);
    else
      problem(read.error().within("the symbols of module " + module.name));
  }
}

}  // namespace ringside::guest::linux
