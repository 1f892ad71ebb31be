#include "server/services/calibration_service.h"

#include "absl/strings/str_cat.h"
#include "moeplan/v1/calibration.grpc.pb.h"
#include "server/rpc/unary_call.h"
#include "server/services/calibration_handlers.h"
#include "server/services/convert_budget_handler.h"

namespace moeplan::server {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

class CalibrationServiceImpl final
    : public v1::CalibrationService::CallbackService {
 public:
  CalibrationServiceImpl(CallDispatcher& dispatcher,
                         const ServiceEnvironment& environment)
      : dispatcher_(dispatcher), environment_(environment) {}

  ServerUnaryReactor* CreateCalibration(
      CallbackServerContext* context,
      const v1::CreateCalibrationRequest* request,
      v1::CreateCalibrationResponse* response) override {
    return Start("CreateCalibration", CallClass::kWrite, context, request,
                 response, &HandleCreateCalibration);
  }
  ServerUnaryReactor* GetCalibration(
      CallbackServerContext* context, const v1::GetCalibrationRequest* request,
      v1::GetCalibrationResponse* response) override {
    // The first call fits the models of time.
    return Start("GetCalibration", CallClass::kSearch, context, request,
                 response, &HandleGetCalibration);
  }
  ServerUnaryReactor* ListCalibrations(
      CallbackServerContext* context,
      const v1::ListCalibrationsRequest* request,
      v1::ListCalibrationsResponse* response) override {
    return Start("ListCalibrations", CallClass::kRead, context, request,
                 response, &HandleListCalibrations);
  }
  ServerUnaryReactor* DeleteCalibration(
      CallbackServerContext* context,
      const v1::DeleteCalibrationRequest* request,
      v1::DeleteCalibrationResponse* response) override {
    return Start("DeleteCalibration", CallClass::kWrite, context, request,
                 response, &HandleDeleteCalibration);
  }
  ServerUnaryReactor* ConvertBudget(
      CallbackServerContext* context, const v1::ConvertBudgetRequest* request,
      v1::ConvertBudgetResponse* response) override {
    // As GetCalibration.
    return Start("ConvertBudget", CallClass::kSearch, context, request,
                 response, &HandleConvertBudget);
  }

 private:
  template <typename Request, typename Response>
  ServerUnaryReactor* Start(absl::string_view name, CallClass call_class,
                            CallbackServerContext* context,
                            const Request* request, Response* response,
                            absl::Status (*handle)(const ServiceEnvironment&,
                                                   CallContext&, const Request&,
                                                   Response*)) {
    return UnaryCall<Request, Response>::Start(
        dispatcher_, absl::StrCat("/moeplan.v1.CalibrationService/", name),
        call_class, context, request, response,
        [this, handle](CallContext& call, const Request& asked,
                       Response* answer) {
          return handle(environment_, call, asked, answer);
        });
  }

  CallDispatcher& dispatcher_;
  const ServiceEnvironment& environment_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewCalibrationService(
    CallDispatcher& dispatcher, const ServiceEnvironment& environment) {
  return std::make_unique<CalibrationServiceImpl>(dispatcher, environment);
}

}  // namespace moeplan::server
