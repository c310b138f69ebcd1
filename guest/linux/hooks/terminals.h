// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/hooks/hook.h"

namespace ringside::guest::linux {

/// The functions of line disciplines (drivers/tty/tty_ldisc.c). `name` is the discipline's own, `number` its
/// N_*.
Result<Hooks> line_disciplines(Kernel& kernel);

/// Drivers of terminals, their terminals, and those that processes have as controlling ones
/// (drivers/tty/tty_io.c): which tables they use. `group` is "tty_drivers" or "tty", `name` the driver's or
/// the terminal's. The slot "ldisc" of a terminal holds the address of one of the line disciplines.
Result<Hooks> tty_drivers(Kernel& kernel);

/// Who gets what is typed and moved (drivers/input/input.c): functions of handlers ("input_handler_list") and
/// of devices ("input_dev_list").
Result<Hooks> input_handlers(Kernel& kernel);

/// What the magic SysRq keys do (drivers/tty/sysrq.c): `name` is the key.
Result<Hooks> sysrq_keys(Kernel& kernel);

}  // namespace ringside::guest::linux
