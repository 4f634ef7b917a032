"""Machine code for tapes, made by LLVM; needs llvmlite, the extra ``native``."""
