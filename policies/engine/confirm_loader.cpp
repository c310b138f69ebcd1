// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/confirm_loader.h"

#include "policies/engine/duration.h"
#include "policies/engine/spelling.h"

#include <algorithm>

namespace ringside::policies {

namespace {

void read_length(Diagnosis& diagnosis, const Mapping& mapping, ConfirmWindow& window) {
  const auto text = mapping.text("window", true);
  if (!text) return;
  const auto length = parse_duration(text->text);
  if (!length)
    diagnosis.error(text->node, "`" + text->text + "` is no duration", kDurationHint);
  else if (*length < kShortestWindow || *length > kLongestWindow)
    diagnosis.error(text->node, "a window is from 100ms to 1h");
  else
    window.length = *length;
}

void read_looks(Diagnosis& diagnosis, const Mapping& mapping, ConfirmWindow& window) {
  const auto text = mapping.text("looks");
  if (!text) return;
  const bool number = text->text.size() <= 3 && std::all_of(text->text.begin(), text->text.end(),
                                                            [](char c) { return c >= '0' && c <= '9'; });
  const unsigned looks = number ? static_cast<unsigned>(std::stoul(text->text)) : 0;
  if (looks < kFewestLooks || looks > kMostLooks)
    diagnosis.error(text->node, "`looks` is a number from 2 to 100");
  else
    window.looks = looks;
}

}  // namespace

void read_confirm(Diagnosis& diagnosis, const Mapping& mapping, const Policy& policy, Check& check) {
  if (!mapping.has("confirm")) {
    if (policy.name.starts_with(kLinuxPolicy)) check.confirm = Confirm::window;
    return;
  }
  const YAML::Node node = mapping.get("confirm");
  if (node.IsMap()) {
    const Mapping window(diagnosis, node, "confirm", {"window", "looks", "guestTime"});
    read_length(diagnosis, window, check.window);
    read_looks(diagnosis, window, check.window);
    check.window.guest_time = window.boolean("guestTime").value_or(false);
    check.confirm = Confirm::window;
    return;
  }
  const auto confirm = mapping.text("confirm");
  if (!confirm) return;
  if (confirm->text == "paused")
    check.confirm = Confirm::paused;
  else if (confirm->text != "second-look")
    diagnosis.error(confirm->node, "unknown confirmation `" + confirm->text + "`",
                    suggestion(confirm->text, {"second-look", "paused", "{window: 5s, looks: 6}"}));
}

}  // namespace ringside::policies
