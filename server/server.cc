#include "server/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "server/convert/limits.h"
#include "server/convert/resource_name.h"
#include "server/listen_error.h"
#include "server/metrics/server_metrics.h"
#include "server/rpc/call_dispatcher.h"
#include "server/rpc/call_log.h"
#include "server/rpc/server_version.h"
#include "server/rpc/status.h"
#include "server/services/calibration_service.h"
#include "server/services/coefficient_set_service.h"
#include "server/services/planner_service.h"
#include "server/store/memory_store.h"
#include "server/store/sqlite_store.h"

namespace moeplan::server {
namespace {

// The names that health answers for; "" stands for the whole server.
constexpr const char* kHealthNames[] = {
    "",
    "moeplan.v1.PlannerService",
    "moeplan.v1.CoefficientSetService",
    "moeplan.v1.CalibrationService",
    "liveness",
    "readiness",
};

absl::StatusOr<std::unique_ptr<Store>> OpenStore(
    const ServerOptions::Storing& storing) {
  if (storing.data_directory.empty()) return NewMemoryStore();
  return OpenSqliteStore(storing.data_directory);
}

absl::Status CheckDefaults(const SetSnapshot& snapshot,
                           const DefaultSets& defaults) {
  for (const std::string& id :
       {defaults.predict, defaults.optimal_config, defaults.dense}) {
    absl::Status found = snapshot.Find(id).status();
    if (absl::IsNotFound(found)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--default-set or --default-dense-set: there is no set ", id,
          " in the store; `moeplan sets list` shows what a server holds"));
    }
    if (!found.ok()) return found;
  }
  return absl::OkStatus();
}

void SetTransport(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  // A decompressed message is bounded by nothing: half a megabyte of zeros took
  // 649 MB.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  grpc::ResourceQuota quota("moeplan");
  quota.Resize(size_t{512} << 20);
  // Reflection takes a thread for each open stream.
  quota.SetMaxThreads(8);
  builder.SetResourceQuota(quota);
  // Else a second server on the port starts without a word.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 256);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10000);
  // Connections end now and then, so that clients find new replicas; a fit may
  // outlast that by an hour.
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, 15 * 60000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, 30 * 60000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, 60 * 60000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10000);
}

std::string BoundAddress(const std::string& asked, int port) {
  if (absl::StartsWith(asked, "unix:") || port <= 0) return asked;
  return absl::StrCat(asked.substr(0, asked.rfind(':')), ":", port);
}

// Tells the log and, where there are any, the metrics.
class CallObservers final : public CallObserver {
 public:
  CallObservers(CallLog& log, ServerMetrics* metrics)
      : log_(log), metrics_(metrics) {}

  void OnCallFinished(const CallRecord& record) override {
    log_.OnCallFinished(record);
    if (metrics_ != nullptr) metrics_->call_observer().OnCallFinished(record);
  }

 private:
  CallLog& log_;
  ServerMetrics* const metrics_;
};

}  // namespace

// In the order in which they depend on one another.
struct Server::Parts {
  Parts(const ServerOptions& server_options, JsonLog& server_log)
      : options(server_options),
        log(server_log),
        call_log(server_log, server_options.logging.slow_call),
        metrics(server_options.measuring.address.empty()
                    ? nullptr
                    : std::make_unique<ServerMetrics>()),
        call_observers(call_log, metrics.get()) {}
  // The page shows parts that die first.
  ~Parts() {
    if (metrics != nullptr) metrics->StopServing();
  }

  const ServerOptions options;
  JsonLog& log;
  CallLog call_log;
  const std::unique_ptr<ServerMetrics> metrics;  // null: nothing is measured
  CallObservers call_observers;
  std::unique_ptr<Store> store;
  std::unique_ptr<SetCatalog> catalog;
  std::unique_ptr<CalibrationCatalog> calibration_catalog;
  ServiceEnvironment environment;
  std::unique_ptr<CallDispatcher> dispatcher;
  std::unique_ptr<grpc::Service> planner;
  std::unique_ptr<grpc::Service> coefficient_sets;
  std::unique_ptr<grpc::Service> calibrations;
  std::unique_ptr<grpc::Server> grpc_server;
  int port = 0;
  std::string address;
  bool drained = false;

  absl::Status Prepare();
  absl::Status Serve();
  void Shutdown(absl::Duration deadline);
};

absl::Status Server::Parts::Prepare() {
  MOEPLAN_ASSIGN_OR_RETURN(store, OpenStore(options.storing));
  if (metrics != nullptr) store = metrics->Meter(std::move(store));
  MOEPLAN_ASSIGN_OR_RETURN(catalog, SetCatalog::Load(*store, absl::Now()));
  MOEPLAN_RETURN_IF_ERROR(
      CheckDefaults(*catalog->snapshot(), options.default_sets));
  for (const auto& [id, served] : catalog->snapshot()->sets()) {
    if (!served.set.ok()) {
      log.Write(LogLevel::kError, "set_quarantined",
                {{"coefficient_set", id},
                 {"message", std::string(served.set.status().message())}});
    }
  }
  const int cores =
      options.working.threads > 0
          ? options.working.threads
          : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  MOEPLAN_ASSIGN_OR_RETURN(
      calibration_catalog,
      CalibrationCatalog::Load(
          *store, {.most_calibrations = options.storing.most_calibrations,
                   .most_bytes = options.storing.most_calibration_bytes,
                   // One search thread is left for what needs no fit.
                   .most_fitting_calls = std::max(1, cores - 1)}));
  for (const auto& [id, status] : calibration_catalog->Quarantined()) {
    log.Write(
        LogLevel::kError, "calibration_quarantined",
        {{"calibration", id}, {"message", std::string(status.message())}});
  }
  const int fit_threads = options.working.fit_threads > 0
                              ? options.working.fit_threads
                              : std::max(1, cores - 1);
  environment.catalog = catalog.get();
  environment.calibrations = calibration_catalog.get();
  if (metrics != nullptr) {
    environment.answer_observer = &metrics->answer_observer();
  }
  environment.default_sets = options.default_sets;
  environment.start_time = absl::Now();
  environment.fit_parallel_for = ThreadParallelFor(fit_threads);
  dispatcher = std::make_unique<CallDispatcher>(
      DispatcherOptions::ForCores(cores), &call_observers);
  planner = NewPlannerService(*dispatcher, environment);
  coefficient_sets = NewCoefficientSetService(*dispatcher, environment);
  calibrations = NewCalibrationService(*dispatcher, environment);
  return absl::OkStatus();
}

absl::Status Server::Parts::Serve() {
  grpc::EnableDefaultHealthCheckService(true);
  if (options.listening.reflection) {
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  }
  grpc::ServerBuilder builder;
  SetTransport(builder);
  const std::string& asked = options.listening.address;
  if (!asked.empty()) {
    builder.AddListeningPort(asked, grpc::InsecureServerCredentials(), &port);
  }
  builder.RegisterService(planner.get());
  builder.RegisterService(coefficient_sets.get());
  builder.RegisterService(calibrations.get());
  if (metrics != nullptr) {
    std::vector<
        std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
        interceptors;
    interceptors.push_back(metrics->NewInterceptorFactory());
    builder.experimental().SetInterceptorCreators(std::move(interceptors));
    builder.RegisterCallbackGenericService(metrics->unknown_methods());
    MOEPLAN_RETURN_IF_ERROR(
        metrics->Serve(options.measuring.address, *catalog, *dispatcher));
  }
  grpc_server = builder.BuildAndStart();
  if (grpc_server == nullptr) return ListenError(asked);
  if (!asked.empty()) address = BoundAddress(asked, port);
  for (const char* name : kHealthNames) {
    grpc_server->GetHealthCheckService()->SetServingStatus(name, true);
  }
  return absl::OkStatus();
}

void Server::Parts::Shutdown(absl::Duration deadline) {
  // Fits are told to stop while there is time left for their last message.
  constexpr absl::Duration kTimeToSayAborted = absl::Seconds(2);
  const absl::Time abort_fits =
      absl::Now() +
      std::max(absl::ZeroDuration(), deadline - kTimeToSayAborted);
  std::mutex mutex;
  std::condition_variable wake;
  bool done = false;
  std::thread aborter([&] {
    std::unique_lock<std::mutex> lock(mutex);
    wake.wait_until(lock, absl::ToChronoTime(abort_fits), [&] { return done; });
    if (!done) dispatcher->InterruptFits(InterruptReason::kShutdown);
  });
  grpc_server->Shutdown(absl::ToChronoTime(absl::Now() + deadline));
  {
    std::lock_guard<std::mutex> lock(mutex);
    done = true;
  }
  wake.notify_one();
  aborter.join();
  grpc_server->Wait();
  dispatcher->Stop();
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() {
  if (!parts_->drained) {
    parts_->dispatcher->StartDraining();
    parts_->dispatcher->InterruptFits(InterruptReason::kShutdown);
    parts_->Shutdown(absl::ZeroDuration());
  }
}

absl::StatusOr<std::unique_ptr<Server>> Server::BuildAndStart(
    const ServerOptions& options, JsonLog& log) {
  MOEPLAN_RETURN_IF_ERROR(options.Validate());
  auto parts = std::make_unique<Parts>(options, log);
  MOEPLAN_RETURN_IF_ERROR(parts->Prepare());
  MOEPLAN_RETURN_IF_ERROR(parts->Serve());
  const std::string default_set =
      CoefficientSetName(options.default_sets.optimal_config);
  log.Write(
      LogLevel::kInfo, "started",
      {{"address", parts->address},
       {"metrics_address",
        parts->metrics == nullptr ? std::string() : parts->metrics->address()},
       {"version", std::string(ServerVersion())},
       {"store", std::string(parts->store->kind())},
       {"data_dir", options.storing.data_directory},
       {"default_set", default_set},
       {"set_count",
        static_cast<int64_t>(parts->catalog->snapshot()->sets().size())},
       {"calibration_count",
        static_cast<int64_t>(parts->calibration_catalog->size())},
       {"reflection", options.listening.reflection}});
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

std::shared_ptr<grpc::Channel> Server::InProcessChannel() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(kMaxMessageBytes));
  return parts_->grpc_server->InProcessChannel(arguments);
}

const std::string& Server::address() const { return parts_->address; }

int Server::port() const { return parts_->port; }

std::string Server::metrics_address() const {
  return parts_->metrics == nullptr ? "" : parts_->metrics->address();
}

void Server::Drain(
    const std::function<void(absl::Duration notice)>& wait_notice) {
  parts_->grpc_server->GetHealthCheckService()->Shutdown();
  parts_->dispatcher->StartDraining();
  parts_->log.Write(LogLevel::kInfo, "draining",
                    {{"notice_seconds",
                      absl::ToDoubleSeconds(parts_->options.draining.notice)}});
  wait_notice(parts_->options.draining.notice);
  parts_->Shutdown(parts_->options.draining.deadline);
  parts_->drained = true;
  parts_->log.Write(LogLevel::kInfo, "stopped", {});
}

}  // namespace moeplan::server
