"""The Python client of moeplan, which plans Mixture-of-Experts models.

    from moeplan import GIB, MemoryLimit, MoePlanner, ServingMemory

    with MoePlanner("127.0.0.1:7600") as planner:
        answer = planner.optimal_config(
            1e22, memory_limit=MemoryLimit(bytes=80 * GIB),
            serving_memory=ServingMemory(kv_cache_tokens=16_000))
        print(answer.optimum.shape.active_params, answer.optimum.loss)

Words and units are those of the API: parameters, tokens, FLOPs and bytes as
plain numbers, losses in nats per token. Enum values are their names in the API
without the prefix, such as "LEAST_LOSS". Figures: moeplan.plot.
"""

from moeplan._connection import Tls
from moeplan.errors import (Aborted, AlreadyExists, Cancelled, DataLoss,
                            DeadlineExceeded, FailedPrecondition, Internal,
                            InvalidArgument, MoePlanError, NoModelFits, NotFound,
                            OutOfRange, Overloaded, PermissionDenied, Precondition,
                            ResourceExhausted, Unauthenticated, Unavailable,
                            Unimplemented, Violation)
from moeplan.evidence import (Assumption, DefaultCoefficientSet, Extrapolation, FixedVariable,
                              LawCoefficient, LawFamily, LossInterval,
                              ParamConvention, Provenance, ServerInfo, ServerLimits,
                              VariableRange, Warning)
from moeplan.fits import (Coefficient, CoefficientDraw, CoefficientSet, DomainBox,
                          FitError, FitOutlier, FitProgress, FitReduction, FitRefusal,
                          FitReport, FitResult, FittedCoefficient, FittedLaw,
                          ResidualError, SuggestedRun)
from moeplan.hardware import (CalibrationSelector, HardwareBudget, HardwareOption,
                              Interconnect, ParallelLayout, ParallelLayoutSearch,
                              TrainingSetup)
from moeplan.planner import MoePlanner
from moeplan.plans import (BindingConstraint, ComputeSaving, DenseBaseline, Evaluation,
                           FlatRegion, FlopBreakdown, HardwareOutcome, Infeasible,
                           MemoryBreakdown, NotFixableAlone, OptimalityCertificate,
                           ParetoPoint, Plan, PlanningAnswer,
                           PlanPoint, PlanShape, Relaxation, TrainingAdvice)
from moeplan.questions import (GB, GIB, Candidate, CandidatePoint, DenseModelReference,
                               FitLossFunction, HoldOutGroups, HoldOutLargest,
                               HoldOutRule, HoldOutThreshold, MemoryLimit,
                               SearchSpace, ServingDemand, ServingMemory,
                               SmallestShape)
from moeplan.shapes import (DenseFfn, GroupedQueryAttention, LatentAttention,
                            LayerGroup, LinearAttention, ModelShape, MoeFfn,
                            NoAttention, Point, ShapePoint)

__version__ = "0.1.0"
# "from moeplan import *" leaves Python's own Warning alone.
__all__ = [name for name in dir() if not name.startswith("_") and name != "Warning"]
