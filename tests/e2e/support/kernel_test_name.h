// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace ringside::lab {

/// The key of a kernel as the name of a test that has it for a parameter: 6_1_cloud.
template <class Key>
std::string kernel_test_name(const testing::TestParamInfo<Key>& test) {
  std::string name = test.param;
  std::ranges::replace_if(
      name, [](char c) { return c == '.' || c == '-'; }, '_');
  return name;
}

}  // namespace ringside::lab
