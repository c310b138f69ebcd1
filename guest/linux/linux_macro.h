// SPDX-License-Identifier: Apache-2.0
#pragma once

// Compilers that extend C++ (-std=gnu++20) define `linux` as 1, which namespace ringside::guest::linux could
// not stand.
#ifdef linux
#undef linux
#endif
