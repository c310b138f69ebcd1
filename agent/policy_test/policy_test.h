// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/policy.h"
#include "policies/exceptions/exception_set.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace ringside::agent {

/// Something that is changed in a snapshot before a policy is asked about it. An address is a number, a
/// symbol with or without an offset, or a query (SELECT ...) whose first cell it is.
struct TestPatch {
  struct Memory {
    std::optional<std::uint64_t> gpa;  ///< guest-physical; else `gva`
    std::string gva;                   ///< a guest-virtual address; see below
    std::string bytes;                 ///< hexadecimal; else `pointer`
    std::string pointer;               ///< an address, written as wide as the kernel's pointers are
  };
  /// Each row says what to write: address, value, and its size in bytes where it is no pointer.
  struct Query {
    std::string sql;
  };
  /// The entry of the page tables that maps an address.
  struct Mapping {
    std::string gva;
    std::string tables;     ///< address of the highest table; empty: the kernel's own
    std::uint64_t set = 0;  ///< bits of the entry
    std::uint64_t clear = 0;
    std::string frame;  ///< an address whose page it leads to from then on; empty: as before
  };
  struct Register {
    std::string name;  ///< one of test_registers()
    std::uint64_t vcpu = 0;
    std::string value;  ///< an address
  };
  std::variant<Memory, Register, Query, Mapping> what;
  unsigned line = 0;  ///< of the file
};

/// Registers that a patch can set: "cr0", "lstar", ...
std::vector<std::string> test_registers();

struct TestCase {
  struct Expected {
    std::string check;
    std::optional<policies::Severity> severity;
    std::optional<std::uint64_t> count;  ///< of violations; nullopt: at least one
    /// Columns that one of the violations has, all at once, compared as in exceptions.
    std::vector<std::pair<std::string, policies::Pattern>> row{};
  };
  std::string name;
  unsigned line = 0;
  std::optional<std::string> baseline;     ///< path of the snapshot that the baseline is taken of
  std::string snapshot;                    ///< path of the one that is judged
  std::vector<TestPatch> patches;          ///< of the one that is judged
  std::vector<Expected> expect;            ///< every check that is violated; the others must be ok
  std::vector<Expected> suppressed;        ///< the same for violations that an exception matches
  std::vector<policies::Pattern> unknown;  ///< checks that cannot be evaluated there
  policies::GuestFacts guest;              ///< for exceptions; empty fields: as in the snapshot
};

/// One document of `kind: PolicyTest`.
struct PolicyTest {
  std::string file;
  policies::Policy policy;
  std::shared_ptr<const policies::ExceptionSet> exceptions;
  std::vector<TestCase> cases;
  std::map<std::string, std::string> untested;  ///< checks that no case can violate, and why
};

struct PolicyTestSet {
  std::vector<PolicyTest> tests;
  std::vector<policies::Diagnostic> errors;  ///< not empty: there are no tests
};

/// Loads and fully checks test files, their policies and exceptions included; a directory stands for its
/// *.yaml files, sorted. Paths in a file are relative to it.
PolicyTestSet load_policy_tests(const std::vector<std::string>& paths);

}  // namespace ringside::agent
