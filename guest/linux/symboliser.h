// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/address_regions.h"
#include "guest/linux/kernel.h"
#include "guest/linux/module_symbols.h"
#include "guest/linux/modules.h"
#include "guest/linux/runtime_code.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ringside::guest::linux {

/// Names addresses, and finds addresses by name, over the kernel image, its modules and the code that it made
/// at run time. Reads what it needs when it first needs it: naming an address in the image reads nothing of
/// modules, so a verdict that looks at such addresses alone does not depend on them.
class Symboliser {
 public:
  explicit Symboliser(Kernel& kernel);
  /// The one of `kernel`, made at the first call; see Kernel::memo().
  static Symboliser& of(Kernel& kernel);

  /// "asm_exc_page_fault", "init_task+0x8", "br_handle_frame+0x1f [bridge]"; nullopt: nothing that has a name
  /// is known there.
  std::optional<std::string> symbol(Gva gva);
  /// The module that owns the address: "bridge"; of code made at run time what /proc/kallsyms shows, "bpf",
  /// "__builtin__ftrace"; empty: no module.
  std::string_view module(Gva gva);
  AddressRegion region(Gva gva);
  /// True if it is code that may run at any time: in the text of the kernel, of a module that is live, or in
  /// code of BPF. What is freed after boot, or after a module's init, is not. nullopt: not known, problems()
  /// say why.
  std::optional<bool> in_text(Gva gva);

  /// "name", "name [module]" or "module:name"; a name alone is looked for in the image first. nullopt: there
  /// is none, or problems() say why it could not be found.
  std::optional<Gva> address(std::string_view name);

  /// What could not be read for the answers so far; empty: they are all there is to say.
  const std::vector<Error>& problems() const { return problems_; }

  /// Modules, in the kernel's order, and their symbols, each read at first use.
  const std::vector<Module>& modules();
  const ModuleSymbols& symbols_of(std::size_t module);

 private:
  /// [first, end) belongs to region `region` of module `module`, or to piece `module` of runtime code.
  struct Piece {
    std::uint64_t first = 0, end = 0;
    AddressRegion region = AddressRegion::none;
    std::uint32_t index = 0;
    bool of_module = false;
  };
  const Piece* piece(Gva gva);
  void map_pieces();
  const std::vector<RuntimeCode>& runtime();
  std::optional<std::string> image_symbol(Gva gva);
  std::optional<Gva> in_module(std::string_view module, std::string_view name);
  std::optional<Gva> in_any_module(std::string_view name);
  void problem(Error error);

  Kernel* kernel_;
  AddressRegions regions_;
  bool data_symbols_;  ///< the image's symbols are not of its functions only
  std::optional<std::vector<Module>> modules_;
  std::optional<std::vector<RuntimeCode>> runtime_;
  std::optional<ModuleSymbolReader> reader_;
  std::vector<std::optional<ModuleSymbols>> symbols_;  ///< of each module
  bool mapped_ = false, modules_whole_ = false;
  std::vector<Piece> pieces_;  ///< in order
  std::vector<Error> problems_;
};

}  // namespace ringside::guest::linux
