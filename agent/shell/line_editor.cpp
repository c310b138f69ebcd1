// SPDX-License-Identifier: Apache-2.0
#include "agent/shell/line_editor.h"

#include "agent/signals.h"

#include <histedit.h>
#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <cwchar>

namespace ringside::agent {

namespace {

constexpr int kHistoryEntries = 2000;
constexpr std::size_t kMaxShown = 200;  // candidates
constexpr std::size_t kWidth = 80;      // of the list of candidates

class Editor final : public LineEditor {
 public:
  Editor(std::string history_file, Completer completer)
      : history_file_(std::move(history_file)), completer_(std::move(completer)) {}
  ~Editor() override;
  Editor(const Editor&) = delete;
  Editor& operator=(const Editor&) = delete;

  Result<void> open();
  Line next(const std::string& prompt) override;
  void remember(const std::string& statement) override;
  bool interactive() const override { return true; }

 private:
  static Editor& of(EditLine* edit);
  static char* prompt_of(EditLine* edit) { return of(edit).prompt_.data(); }
  static int read_character(EditLine* edit, wchar_t* character);
  static unsigned char complete_word(EditLine* edit, int);
  void show(const std::vector<std::string>& candidates);

  std::string history_file_, prompt_;
  Completer completer_;
  EditLine* edit_ = nullptr;
  History* history_ = nullptr;
  std::mbstate_t decoding_{};
};

Editor& Editor::of(EditLine* edit) {
  void* self = nullptr;
  el_get(edit, EL_CLIENTDATA, &self);
  return *static_cast<Editor*>(self);
}

Editor::~Editor() {
  if (edit_ != nullptr) el_end(edit_);
  if (history_ != nullptr) history_end(history_);
}

Result<void> Editor::open() {
  // The library decodes what is typed by the locale.
  std::setlocale(LC_CTYPE, "");
  edit_ = el_init("ringside", stdin, stdout, stderr);
  history_ = history_init();
  if (edit_ == nullptr || history_ == nullptr)
    return fail(Errc::io, "the terminal cannot be used for editing");
  HistEvent event;
  history(history_, &event, H_SETSIZE, kHistoryEntries);
  history(history_, &event, H_SETUNIQUE, 1);
  history(history_, &event, H_LOAD, history_file_.c_str());  // there is none at first
  el_set(edit_, EL_CLIENTDATA, this);
  el_set(edit_, EL_HIST, history, history_);
  el_set(edit_, EL_EDITOR, "emacs");
  el_set(edit_, EL_PROMPT, &Editor::prompt_of);
  el_set(edit_, EL_GETCFN, &Editor::read_character);
  el_set(edit_, EL_ADDFN, "ringside-complete", "Complete the word", &Editor::complete_word);
  el_set(edit_, EL_BIND, "^I", "ringside-complete", nullptr);
  el_set(edit_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_source(edit_, nullptr);  // the user's own ~/.editrc
  return {};
}

/// Waits for a character or a signal: read(2) of the library's own would sleep through a SIGINT that another
/// thread took.
int Editor::read_character(EditLine* edit, wchar_t* character) {
  Editor& self = of(edit);
  for (;;) {
    if (!signals::wait_readable(STDIN_FILENO)) return -1;
    char byte = 0;
    const ssize_t got = ::read(STDIN_FILENO, &byte, 1);
    if (got <= 0) return static_cast<int>(got);
    const std::size_t length = std::mbrtowc(character, &byte, 1, &self.decoding_);
    if (length == static_cast<std::size_t>(-2)) continue;  // more bytes to come
    if (length == static_cast<std::size_t>(-1)) {          // not of this locale: dropped
      self.decoding_ = {};
      continue;
    }
    return 1;
  }
}

void Editor::show(const std::vector<std::string>& candidates) {
  std::size_t widest = 0;
  for (const auto& one : candidates) widest = std::max(widest, one.size());
  const std::size_t in_row = std::max<std::size_t>(1, kWidth / (widest + 2));
  std::string text = "\n";
  for (std::size_t i = 0; i < candidates.size() && i < kMaxShown; ++i) {
    text += candidates[i];
    const bool last = (i + 1) % in_row == 0 || i + 1 == std::min(candidates.size(), kMaxShown);
    text += last ? "\n" : std::string(widest + 2 - candidates[i].size(), ' ');
  }
  if (candidates.size() > kMaxShown) text += "...\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

unsigned char Editor::complete_word(EditLine* edit, int) {
  Editor& self = of(edit);
  const LineInfo* info = el_line(edit);
  const std::string_view line(info->buffer, static_cast<std::size_t>(info->lastchar - info->buffer));
  const auto cursor = static_cast<std::size_t>(info->cursor - info->buffer);
  const Completion found = self.completer_(line, cursor);
  if (found.candidates.empty() || found.start > cursor) return CC_ERROR;
  const std::string typed(line.substr(found.start, cursor - found.start));
  std::string replacement = found.common();
  const bool one = found.candidates.size() == 1;
  if (one && !replacement.ends_with('.')) replacement += ' ';
  if (replacement == typed || replacement.size() < typed.size()) {
    self.show(found.candidates);
    return CC_REDISPLAY;
  }
  // el_deletestr counts characters; a word that is completed is ASCII.
  el_deletestr(edit, static_cast<int>(typed.size()));
  if (el_insertstr(edit, replacement.c_str()) != 0) return CC_ERROR;
  return CC_REFRESH;
}

LineSource::Line Editor::next(const std::string& prompt) {
  prompt_ = prompt;
  signals::clear_interrupt();  // what came before was for what was done before
  int count = 0;
  const char* text = el_gets(edit_, &count);
  if (text == nullptr || count <= 0) {
    std::fputc('\n', stdout);
    std::fflush(stdout);
    if (!signals::interrupted()) return {};
    signals::clear_interrupt();
    el_reset(edit_);
    return {Line::What::interrupted, {}};
  }
  Line line{Line::What::text, std::string(text, static_cast<std::size_t>(count))};
  while (line.text.ends_with('\n') || line.text.ends_with('\r')) line.text.pop_back();
  return line;
}

void Editor::remember(const std::string& statement) {
  HistEvent event;
  history(history_, &event, H_ENTER, statement.c_str());
  // At once: nothing of it is lost if the session ends by a signal. The library gives the file mode 0600.
  history(history_, &event, H_SAVE, history_file_.c_str());
}

}  // namespace

Result<std::unique_ptr<LineEditor>> LineEditor::create(std::string history_file, Completer completer) {
  auto editor = std::make_unique<Editor>(std::move(history_file), std::move(completer));
  RINGSIDE_CHECK(editor->open());
  return editor;
}

}  // namespace ringside::agent
