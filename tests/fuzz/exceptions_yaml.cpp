// SPDX-License-Identifier: Apache-2.0
// Documents of exceptions, and what they say of a violation.
#include "policies/exceptions/exception_set.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringside::policies;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const ExceptionSet set = load_exception_text("fuzz.yaml", text);
  for (const auto& error : set.errors()) (void)render(error, true);
  const GuestFacts guest{"web-1", "6f9619ff-8b86-d011-b42d-00cf4fc964ff", {{"role", "web"}}};
  const std::vector<QueryColumn> columns{{"vector", ColumnType::integer},
                                         {"offset", ColumnType::address},
                                         {"present", ColumnType::boolean},
                                         {"symbol", ColumnType::text},
                                         {"module", ColumnType::text}};
  const std::vector<Value> row{std::int64_t{14}, std::int64_t{-1}, std::int64_t{1}, text, std::monostate{}};
  const ExceptionQuestion question{guest, "idt", "gates", columns, row, {}};
  const Exception* first = set.match(question);
  // What explains must agree with what decides.
  const Exception* explained = nullptr;
  for (const auto& trace : set.explain(question))
    if (trace.why_not.empty() && explained == nullptr) explained = trace.exception;
  if (first != explained) __builtin_trap();
  return 0;
}
