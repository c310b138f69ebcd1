// SPDX-License-Identifier: Apache-2.0
// patch_vdso
// Technique: a process runs another vDSO than the kernel gave it: its page was written to, as a debugger
// would, and is now a copy of its own. Who: code injected into processes (TripleCross, published ways to hook
// clock_gettime). Changes: flags in the header of its own vDSO, which nobody reads; then it sleeps. Undone
// when it is killed.
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void) {
  unsigned char* image = (unsigned char*)getauxval(AT_SYSINFO_EHDR);
  const size_t page = 4096;
  size_t size = page;
  if (image == NULL) return fprintf(stderr, "no vDSO\n"), 1;
  // The kernel does not let this mapping be split: the call fails until it covers all of it.
  while (mprotect(image, size, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
    size += page;
    if (size > 16 * page) return perror("mprotect"), 1;
  }
  // e_flags of the ELF header: no architecture of ours has any.
  ((volatile unsigned char*)image)[sizeof(void*) == 8 ? 0x30 : 0x24] ^= 1;
  if (mprotect(image, size, PROT_READ | PROT_EXEC) != 0) return perror("mprotect"), 1;
  printf("patched\n");
  fflush(stdout);
  for (;;) pause();
}
