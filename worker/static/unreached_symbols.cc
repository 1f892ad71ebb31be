// What Ceres and glog would call of libraries that the static worker leaves
// out: SuiteSparse, CXSparse and LAPACK, because core/solve asks Ceres for
// Eigen's dense QR only, and libunwind, whose archive cannot be linked into
// such a program. Without these definitions the linker would want all of them,
// with a Fortran runtime and METIS, of which there is no archive. Only names
// matter here: the linker sees no types, and nothing returns.

#include <cstdio>
#include <cstdlib>

namespace {

[[noreturn]] void Stop(const char* symbol) {
  std::fprintf(stderr,
               "error: %s was called, which this static build leaves out; the "
               "dynamically linked moeplan-worker has it\n",
               symbol);
  std::abort();
}

}  // namespace

#define MOEPLAN_UNREACHED(symbol) \
  [[noreturn]] void symbol() { Stop(#symbol); }

extern "C" {

// CHOLMOD of SuiteSparse
MOEPLAN_UNREACHED(cholmod_amd)
MOEPLAN_UNREACHED(cholmod_analyze)
MOEPLAN_UNREACHED(cholmod_analyze_p)
MOEPLAN_UNREACHED(cholmod_camd)
MOEPLAN_UNREACHED(cholmod_factorize)
MOEPLAN_UNREACHED(cholmod_finish)
MOEPLAN_UNREACHED(cholmod_free_dense)
MOEPLAN_UNREACHED(cholmod_free_factor)
MOEPLAN_UNREACHED(cholmod_free_sparse)
MOEPLAN_UNREACHED(cholmod_print_common)
MOEPLAN_UNREACHED(cholmod_solve)
MOEPLAN_UNREACHED(cholmod_start)
MOEPLAN_UNREACHED(cholmod_triplet_to_sparse)
MOEPLAN_UNREACHED(cholmod_zeros)

// CXSparse
MOEPLAN_UNREACHED(cs_di_amd)
MOEPLAN_UNREACHED(cs_di_calloc)
MOEPLAN_UNREACHED(cs_di_chol)
MOEPLAN_UNREACHED(cs_di_cholsol)
MOEPLAN_UNREACHED(cs_di_compress)
MOEPLAN_UNREACHED(cs_di_counts)
MOEPLAN_UNREACHED(cs_di_cumsum)
MOEPLAN_UNREACHED(cs_di_etree)
MOEPLAN_UNREACHED(cs_di_free)
MOEPLAN_UNREACHED(cs_di_ipvec)
MOEPLAN_UNREACHED(cs_di_lsolve)
MOEPLAN_UNREACHED(cs_di_ltsolve)
MOEPLAN_UNREACHED(cs_di_malloc)
MOEPLAN_UNREACHED(cs_di_multiply)
MOEPLAN_UNREACHED(cs_di_nfree)
MOEPLAN_UNREACHED(cs_di_pinv)
MOEPLAN_UNREACHED(cs_di_post)
MOEPLAN_UNREACHED(cs_di_pvec)
MOEPLAN_UNREACHED(cs_di_schol)
MOEPLAN_UNREACHED(cs_di_sfree)
MOEPLAN_UNREACHED(cs_di_spfree)
MOEPLAN_UNREACHED(cs_di_symperm)
MOEPLAN_UNREACHED(cs_di_transpose)

// LAPACK
MOEPLAN_UNREACHED(dgeqrf_)
MOEPLAN_UNREACHED(dormqr_)
MOEPLAN_UNREACHED(dpotrf_)
MOEPLAN_UNREACHED(dpotrs_)
MOEPLAN_UNREACHED(dtrtrs_)

// libunwind, where glog is about to end the process with a stack trace
// NOLINTBEGIN(bugprone-reserved-identifier)
MOEPLAN_UNREACHED(_ULx86_64_get_reg)
MOEPLAN_UNREACHED(_ULx86_64_init_local)
MOEPLAN_UNREACHED(_ULx86_64_step)
MOEPLAN_UNREACHED(_Ux86_64_getcontext)
// NOLINTEND(bugprone-reserved-identifier)

}  // extern "C"
