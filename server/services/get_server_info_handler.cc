#include "server/services/get_server_info_handler.h"

#include <string>

#include "core/base/status_macros.h"
#include "core/fit/run_table.h"
#include "core/law/law_registry.h"
#include "server/convert/law_convert.h"
#include "server/convert/limits.h"
#include "server/convert/resource_name.h"
#include "server/convert/timestamp_convert.h"
#include "server/rpc/server_version.h"

namespace moeplan::server {
namespace {

absl::Status AddDefault(const SetSnapshot& snapshot, v1::DefaultPurpose purpose,
                        const std::string& id,
                        v1::GetServerInfoResponse* response) {
  MOEPLAN_ASSIGN_OR_RETURN(const auto set, snapshot.Find(id));
  v1::DefaultCoefficientSet* one = response->add_default_coefficient_sets();
  one->set_purpose(purpose);
  one->set_coefficient_set(CoefficientSetName(id));
  one->set_checksum(set->checksum());
  return absl::OkStatus();
}

}  // namespace

absl::Status HandleGetServerInfo(const ServiceEnvironment& environment,
                                 CallContext&, const v1::GetServerInfoRequest&,
                                 v1::GetServerInfoResponse* response) {
  response->set_server_version(ServerVersion());
  response->set_source_revision(SourceRevision());
  TimestampToWire(environment.start_time, response->mutable_start_time());
  const auto snapshot = environment.catalog->snapshot();
  const DefaultSets& defaults = environment.default_sets;
  MOEPLAN_RETURN_IF_ERROR(AddDefault(*snapshot, v1::DEFAULT_PURPOSE_PREDICT,
                                     defaults.predict, response));
  MOEPLAN_RETURN_IF_ERROR(AddDefault(*snapshot,
                                     v1::DEFAULT_PURPOSE_OPTIMAL_CONFIG,
                                     defaults.optimal_config, response));
  MOEPLAN_RETURN_IF_ERROR(AddDefault(*snapshot, v1::DEFAULT_PURPOSE_DENSE,
                                     defaults.dense, response));
  for (const LawFamily* family : AllLawFamilies()) {
    LawFamilyToWire(family->descriptor(), response->add_families());
  }
  response->set_store_kind(std::string(environment.catalog->store_kind()));
  v1::ServerLimits* limits = response->mutable_limits();
  limits->set_max_predict_points(kMaxPredictPoints);
  limits->set_max_fit_runs(RunTable::kMaxRunCount);
  limits->set_max_message_bytes(kMaxMessageBytes);
  return absl::OkStatus();
}

}  // namespace moeplan::server
