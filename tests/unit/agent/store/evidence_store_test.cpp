// SPDX-License-Identifier: Apache-2.0
#include "agent/store/evidence_store.h"

#include "agent/store/digest.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/agent/store/some_finding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

namespace ringside::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
constexpr std::uint64_t kMuch = 1 << 30, kBlock = 4096;

Bytes piece(std::string_view text) {
  const ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

class EvidenceStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<EvidenceStore> opened(std::uint64_t bound = kMuch) {
    auto store = EvidenceStore::open(directory(), bound,
                                     [this](const std::vector<std::string>& going) -> Result<void> {
                                       if (refuse_) return fail(Errc::io, "no journal");
                                       dropped_.insert(dropped_.end(), going.begin(), going.end());
                                       return {};
                                     });
    EXPECT_TRUE(store.has_value()) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  std::string directory() const { return folder_.file("evidence"); }
  std::string file_of(const std::string& sha256) const { return directory() + '/' + sha256 + ".zst"; }
  static std::string keep(EvidenceStore& store, std::string_view text, int seconds) {
    const auto kept = store.keep(as_bytes(text), at(seconds));
    EXPECT_TRUE(kept.has_value()) << kept.error().message;
    return kept.value_or("");
  }
  void overwrite(const std::string& sha256, const std::string& with) {
    fs::remove(file_of(sha256));
    std::ofstream(file_of(sha256), std::ios::binary) << with;
  }
  std::vector<std::string> damaged(EvidenceStore& store) {
    std::vector<std::string> names;
    const auto all = store.verify();
    for (const auto& damage : *all) names.push_back(damage.name);
    return names;
  }
  testing::TemporaryDirectory folder_;
  std::vector<std::string> dropped_;
  bool refuse_ = false;
};

TEST_F(EvidenceStoreTest, KeepsByContentForItsOwnerToRead) {
  auto store = opened();
  const std::string sha256 = keep(*store, "hello", 1);
  EXPECT_EQ(sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  EXPECT_EQ(*store->load(sha256), piece("hello"));
  struct stat status {};
  ASSERT_EQ(::stat(file_of(sha256).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0400u);
  ASSERT_EQ(::stat(directory().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  EXPECT_TRUE(store->verify()->empty());
}

TEST_F(EvidenceStoreTest, OutlivesTheProcessAndCanBeLookedAt) {
  const std::string sha256 = keep(*opened(), "hello", 1);
  const auto reader = EvidenceStore::open_existing(directory());
  ASSERT_TRUE(reader.has_value());
  EXPECT_EQ(*(*reader)->load(sha256), piece("hello"));
  EXPECT_EQ(EvidenceStore::open_existing(folder_.file("nowhere")).error().code, Errc::not_found);
}

TEST_F(EvidenceStoreTest, NothingAndMuchAreKeptToo) {
  auto store = opened();
  EXPECT_EQ(*store->load(keep(*store, "", 1)), Bytes{});
  const std::string large(EvidenceStore::kMaxPiece, 'x');
  EXPECT_EQ(store->load(keep(*store, large, 2))->size(), large.size());
  EXPECT_EQ(store->keep(as_bytes(large + "x"), at(3)).error().code, Errc::oversized);
}

TEST_F(EvidenceStoreTest, ListsTheLastKeptFirstAndKeepingAgainCounts) {
  auto store = opened();
  const std::string a = keep(*store, "a", 1), b = keep(*store, "bb", 2), c = keep(*store, "ccc", 3);
  EXPECT_EQ(keep(*store, "a", 9), a);
  const auto pieces = *store->list();
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_EQ(pieces[0].sha256, a);
  EXPECT_EQ(pieces[0].kept, at(9));
  EXPECT_EQ(pieces[1].sha256, c);
  EXPECT_EQ(pieces[1].bytes, 3u);
  EXPECT_EQ(pieces[1].stored, kBlock);
  EXPECT_EQ(pieces[2].sha256, b);
}

TEST_F(EvidenceStoreTest, BeyondTheBoundTheOldestGoAndAreToldBefore) {
  auto store = opened(3 * kBlock);
  const std::string a = keep(*store, "a", 1), b = keep(*store, "b", 2), c = keep(*store, "c", 3);
  keep(*store, "a", 4);  // kept again: b is the oldest now
  EXPECT_TRUE(dropped_.empty());
  const std::string d = keep(*store, "d", 5);
  EXPECT_EQ(dropped_.front(), b);
  EXPECT_EQ(store->load(b).error().code, Errc::not_found);
  EXPECT_TRUE(store->load(d).has_value());
  EXPECT_TRUE(store->load(a).has_value());
  std::uint64_t total = 0;
  const auto pieces = store->list();
  for (const auto& one : *pieces) total += one.stored;
  EXPECT_LE(total, 3 * kBlock);
}

TEST_F(EvidenceStoreTest, WhatIsLargerThanTheBoundIsRefusedAndNothingGoes) {
  auto store = opened(kBlock);
  const std::string a = keep(*store, "a", 1);
  std::string noise;
  for (unsigned i = 0; noise.size() < 2 * kBlock; i = i * 1664525 + 1013904223)
    noise += static_cast<char>(i >> 24);
  EXPECT_EQ(store->keep(as_bytes(noise), at(2)).error().code, Errc::oversized);
  EXPECT_TRUE(store->load(a).has_value());
  EXPECT_TRUE(dropped_.empty());
}

TEST_F(EvidenceStoreTest, WhatCannotBeJournaledDoesNotGo) {
  auto store = opened(kBlock);
  const std::string a = keep(*store, "a", 1);
  refuse_ = true;
  EXPECT_FALSE(store->keep(as_bytes("b"), at(2)).has_value());
  EXPECT_TRUE(store->load(a).has_value());
  refuse_ = false;
  const std::string b = keep(*store, "b", 3);
  EXPECT_THAT(dropped_, ElementsAre(a));
  EXPECT_TRUE(store->load(b).has_value());
}

TEST_F(EvidenceStoreTest, ASmallerBoundHoldsFromTheStart) {
  {
    auto store = opened();
    for (int i = 0; i < 40; ++i) keep(*store, std::to_string(i), i);
  }
  auto store = opened(8 * kBlock);
  EXPECT_LE(store->list()->size(), 8u);
  EXPECT_TRUE(store->load(sha256_hex(as_bytes("39"))).has_value());
  EXPECT_EQ(dropped_.size() + store->list()->size(), 40u);
}

TEST_F(EvidenceStoreTest, DamageOfAnyKindIsFoundAndNamed) {
  auto store = opened();
  const std::string good = keep(*store, "good", 1), other = keep(*store, "other", 1);
  const std::string text(5000, 'x'), sha256 = keep(*store, text, 1);
  std::string bytes;
  {
    std::ifstream file(file_of(sha256), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  }
  const auto refused = [&](const std::string& with) {
    overwrite(sha256, with);
    const auto loaded = store->load(sha256);
    return !loaded && loaded.error().code == Errc::mismatch && damaged(*store) == std::vector{sha256};
  };
  EXPECT_TRUE(refused(""));
  EXPECT_TRUE(refused("no frame"));
  EXPECT_TRUE(refused(bytes.substr(0, bytes.size() - 1)));
  EXPECT_TRUE(refused(bytes + "x"));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x10);
    overwrite(sha256, flipped);
    // A bit that decompression does not look at leaves the content whole: then it is no damage.
    if (const auto loaded = store->load(sha256)) {
      EXPECT_EQ(*loaded, piece(text)) << i;
    }
  }
  // Another piece's good frame under this name.
  fs::remove(file_of(sha256));
  fs::copy_file(file_of(other), file_of(sha256));
  EXPECT_THAT(damaged(*store), ElementsAre(sha256));
  fs::remove(file_of(sha256));
  fs::create_symlink(file_of(other), file_of(sha256));
  EXPECT_THAT(damaged(*store), ElementsAre(sha256));
  EXPECT_TRUE(store->load(good).has_value());
}

TEST_F(EvidenceStoreTest, AFrameThatClaimsMuchCostsNothing) {
  auto store = opened();
  const std::string sha256 = keep(*store, "x", 1);
  // Magic number, single segment with 8 bytes of content size: 2^60 (zstd_compression_format.md,
  // Frame_Header).
  overwrite(sha256, std::string("\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\0\0\x10\x01\0\0", 16));
  EXPECT_EQ(store->load(sha256).error().code, Errc::mismatch);
  EXPECT_TRUE(store->list().has_value());
}

TEST_F(EvidenceStoreTest, FilesThatAreNoPiecesAreNamed) {
  auto store = opened();
  keep(*store, "x", 1);
  std::ofstream(directory() + "/notes.txt") << "x";
  EXPECT_THAT(damaged(*store), ElementsAre("notes.txt"));
  EXPECT_EQ(store->list()->size(), 1u);
}

TEST_F(EvidenceStoreTest, KeepingADamagedPieceAgainMendsIt) {
  auto store = opened();
  const std::string sha256 = keep(*store, "hello", 1);
  overwrite(sha256, "x");
  keep(*store, "hello", 2);
  EXPECT_EQ(*store->load(sha256), piece("hello"));
}

TEST_F(EvidenceStoreTest, WhatAKilledAgentLeftHalfWrittenIsTidiedUp) {
  { auto store = opened(); }
  const std::string half = directory() + "/.new-" + std::string(64, 'a');
  std::ofstream(half) << "x";
  auto store = opened();
  EXPECT_FALSE(fs::exists(half));
  EXPECT_TRUE(store->verify()->empty());
}

TEST_F(EvidenceStoreTest, NamesThatAreNoHashesNeverBecomePaths) {
  auto store = opened();
  for (const char* name : {"", "..", "../../etc/passwd", "ABC", "0123"})
    EXPECT_EQ(store->load(name).error().code, Errc::invalid_argument) << name;
  EXPECT_EQ(store->load(std::string(64, '0')).error().code, Errc::not_found);
}

TEST_F(EvidenceStoreTest, AWriteThatFailsLeavesNothingAndTheNextOneWorks) {
  { auto store = opened(); }
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    auto store = EvidenceStore::open(directory(), kMuch, {});
    const rlimit small{4, RLIM_INFINITY}, none{RLIM_INFINITY, RLIM_INFINITY};
    if (!store || ::setrlimit(RLIMIT_FSIZE, &small) != 0) ::_exit(1);
    const auto kept = (*store)->keep(as_bytes("hello"), at(1));
    if (kept || kept.error().code != Errc::io) ::_exit(2);
    if (!fs::is_empty(directory())) ::_exit(3);
    if (::setrlimit(RLIMIT_FSIZE, &none) != 0) ::_exit(4);
    ::_exit((*store)->keep(as_bytes("hello"), at(2)) ? 0 : 5);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace ringside::agent
