// Malformed requests, made field by field from the descriptors, against a real
// server process: what the proto's comments call illegal is INVALID_ARGUMENT
// and named, nothing crashes, nothing is answered with UNKNOWN or INTERNAL.
// MOEPLAN_FUZZ_SEED seeds the random values (default 20261122).
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/text_format.h"
#include "moeplan/v1/calibration.pb.h"
#include "moeplan/v1/coefficient_set.pb.h"
#include "moeplan/v1/planner.pb.h"
#include "tests/integration/valid_requests.h"
#include "tests/testing/raw_call.h"
#include "tests/testing/request_mutator.h"
#include "tests/testing/server_process.h"

namespace moeplan::testing {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;
using grpc::StatusCode;

constexpr int64_t kLeastMutants = 10000;

std::vector<const ServiceDescriptor*> Services() {
  return {v1::GetServerInfoRequest::descriptor()->file()->service(0),
          v1::CoefficientSet::descriptor()->file()->service(0),
          v1::Calibration::descriptor()->file()->service(0)};
}

const MethodDescriptor* FindMethod(const ValidRequest& valid) {
  for (const ServiceDescriptor* service : Services()) {
    if (service->name() == valid.service) {
      return service->FindMethodByName(valid.rpc);
    }
  }
  return nullptr;
}

std::unique_ptr<Message> NewRequest(const MethodDescriptor& method) {
  return std::unique_ptr<Message>(
      google::protobuf::MessageFactory::generated_factory()
          ->GetPrototype(method.input_type())
          ->New());
}

std::unique_ptr<Message> Parse(const ValidRequest& valid) {
  std::unique_ptr<Message> request = NewRequest(*FindMethod(valid));
  if (!google::protobuf::TextFormat::ParseFromString(valid.text,
                                                     request.get())) {
    return nullptr;
  }
  return request;
}

std::string PathOf(const MethodDescriptor& method) {
  return absl::StrCat("/", method.service()->full_name(), "/", method.name());
}

// Whether `path` ("runs.loss[3]", or the name of a oneof) leads through fields
// of `type`.
bool IsPathOf(const Descriptor& type, const std::string& path) {
  const Descriptor* here = &type;
  for (const absl::string_view step : absl::StrSplit(path, '.')) {
    if (here == nullptr) return false;
    const std::string name(step.substr(0, step.find('[')));
    const FieldDescriptor* field = here->FindFieldByName(name);
    if (field == nullptr) return here->FindOneofByName(name) != nullptr;
    if (name.size() != step.size() && !field->is_repeated()) return false;
    here = field->message_type();
  }
  return true;
}

bool IsWithin(const std::string& inner, const std::string& outer) {
  return inner.size() >= outer.size() &&
         inner.compare(0, outer.size(), outer) == 0 &&
         (inner.size() == outer.size() || inner[outer.size()] == '.' ||
          inner[outer.size()] == '[');
}

std::string ParentOf(const std::string& path) {
  const size_t dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

// Whether a violation at `reported` speaks of the field that was changed: the
// field, what it holds or what holds it; its oneof; and for the length of a
// column, another column of the table.
bool Names(const std::string& reported, const Mutant& mutant) {
  if (IsWithin(reported, mutant.path)) return true;
  if (!reported.empty() && IsWithin(mutant.path, reported)) return true;
  const std::string parent = ParentOf(mutant.path);
  if (mutant.length_changed && IsWithin(reported, parent)) return true;
  const auto* oneof = mutant.field.real_containing_oneof();
  return oneof != nullptr &&
         reported ==
             absl::StrCat(parent, parent.empty() ? "" : ".", oneof->name());
}

class MalformedRequestsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* seed = std::getenv("MOEPLAN_FUZZ_SEED");
    if (seed != nullptr) seed_ = std::strtoull(seed, nullptr, 10);
    random_.seed(seed_);
    auto server = ServerProcess::Start(folder_.path() + "/data");
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    const ValidRequest kept = RequestForKeptCalibration();
    const RawAnswer answer =
        Call(*FindMethod(kept), Parse(kept)->SerializeAsString());
    ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  }

  // Waits as long as the server says where it has too much to do, for a fit
  // that was left takes a moment to end.
  RawAnswer Call(const MethodDescriptor& method, const std::string& bytes) {
    const absl::Time deadline = absl::Now() + absl::Minutes(1);
    while (true) {
      RawAnswer answer = CallRaw(server_->channel(), PathOf(method), bytes);
      if (answer.status.error_code() != StatusCode::RESOURCE_EXHAUSTED) {
        return answer;
      }
      const ErrorDetails details = DecodeDetails(answer.status);
      if (!details.has_retry_info || absl::Now() > deadline) return answer;
      const auto& delay = details.retry_info.retry_delay();
      absl::SleepFor(absl::Seconds(delay.seconds()) +
                     absl::Nanoseconds(delay.nanos()));
    }
  }

  static StatusCode CodeOf(const RawAnswer& answer) {
    return answer.left_stream ? StatusCode::OK : answer.status.error_code();
  }

  // "" or what is wrong with an error by itself.
  static std::string FaultOfError(const MethodDescriptor& method,
                                  const RawAnswer& answer) {
    const StatusCode code = CodeOf(answer);
    if (code == StatusCode::OK) return "";
    static const std::set<StatusCode> documented = {
        StatusCode::INVALID_ARGUMENT,    StatusCode::NOT_FOUND,
        StatusCode::FAILED_PRECONDITION, StatusCode::OUT_OF_RANGE,
        StatusCode::UNIMPLEMENTED,       StatusCode::ALREADY_EXISTS};
    if (documented.count(code) == 0) return "an undocumented code";
    const ErrorDetails details = DecodeDetails(answer.status);
    if (!details.decoded) return "details that do not decode";
    if (!details.has_error_info || details.error_info.domain() != "moeplan" ||
        details.error_info.reason().empty()) {
      return "no ErrorInfo";
    }
    if (details.status.code() != code) return "another code in its details";
    if (code == StatusCode::NOT_FOUND && !details.has_resource_info) {
      return "NOT_FOUND without ResourceInfo";
    }
    if (code != StatusCode::INVALID_ARGUMENT) return "";
    if (details.bad_request.field_violations().empty()) {
      return "INVALID_ARGUMENT without violations";
    }
    for (const auto& violation : details.bad_request.field_violations()) {
      if (!IsPathOf(*method.input_type(), violation.field())) {
        return "a violation at \"" + violation.field() +
               "\", which is no field of the request";
      }
      if (violation.description().empty()) return "an empty description";
    }
    return "";
  }

  // "" or how the answer breaks the rule of the field.
  static std::string FaultOfRule(const ValidRequest& valid,
                                 const Mutant& mutant,
                                 const RawAnswer& answer) {
    const StatusCode code = CodeOf(answer);
    const FieldRule* rule = FindFieldRule(mutant.field);
    const bool may_stop =
        code == StatusCode::UNIMPLEMENTED &&
        (valid.is_unserved() || (rule != nullptr && rule->unserved));
    switch (mutant.expectation) {
      case Expectation::kIllegal: {
        if (may_stop) return "";
        if (code != StatusCode::INVALID_ARGUMENT) {
          return "an illegal value is not INVALID_ARGUMENT";
        }
        const ErrorDetails details = DecodeDetails(answer.status);
        for (const auto& violation : details.bad_request.field_violations()) {
          if (Names(violation.field(), mutant)) return "";
        }
        return "the field is not named";
      }
      case Expectation::kMissing:
        return may_stop || code == StatusCode::NOT_FOUND
                   ? ""
                   : "what does not exist is not NOT_FOUND";
      case Expectation::kLegal:
        return code == StatusCode::INVALID_ARGUMENT ? "a legal value is refused"
                                                    : "";
      case Expectation::kIgnored:
        return code == valid.code ? "" : "an output-only field is not ignored";
      case Expectation::kCoupled:
        return "";
      case Expectation::kNoRule:
        return valid.is_unserved() ? "" : "no rule is written for the field";
    }
    return "";
  }

  // Ids are used once: what a change did not spoil is stored.
  static void MakeIdNew(Message& request, int64_t number) {
    const auto& access = *request.GetReflection();
    for (const char* name : {"coefficient_set_id", "calibration_id"}) {
      const auto* field = request.GetDescriptor()->FindFieldByName(name);
      if (field != nullptr && access.GetString(request, field) == "mine") {
        access.SetString(&request, field, absl::StrCat("mine-", number));
      }
    }
  }

  void Judge(const ValidRequest& valid, const MethodDescriptor& method,
             const Mutant& mutant) {
    ++mutant_count_;
    fields_.insert(mutant.field.full_name());
    std::unique_ptr<Message> request(mutant.request.New());
    request->CopyFrom(mutant.request);
    MakeIdNew(*request, mutant_count_);
    const RawAnswer answer = Call(method, request->SerializeAsString());
    ++codes_[CodeOf(answer)];
    ++expectations_[mutant.expectation];
    std::string fault = FaultOfError(method, answer);
    if (fault.empty()) fault = FaultOfRule(valid, mutant, answer);
    if (fault.empty()) return;
    ++fault_count_;
    // One of each kind tells enough.
    if (!kinds_shown_.insert(mutant.field.full_name() + fault).second) return;
    ADD_FAILURE() << valid.rpc << ": " << mutant.path << " = " << mutant.what
                  << ": " << fault << "; code " << CodeOf(answer) << ": "
                  << answer.status.error_message();
  }

  // The server still lives and still answers as it did.
  void ExpectAlive() {
    ASSERT_TRUE(server_->IsRunning()) << "the server crashed";
    const ValidRequest info = {"PlannerService", "GetServerInfo", ""};
    EXPECT_EQ(CodeOf(Call(*FindMethod(info), "")), StatusCode::OK);
  }

  uint64_t seed_ = 20261122;
  std::mt19937_64 random_;
  TemporaryFolder folder_;
  std::unique_ptr<ServerProcess> server_;
  int64_t mutant_count_ = 0;
  int64_t fault_count_ = 0;
  std::set<std::string> kinds_shown_;
  std::set<std::string> fields_;
  std::map<StatusCode, int64_t> codes_;
  std::map<Expectation, int64_t> expectations_;
};

TEST_F(MalformedRequestsTest, EveryRpcHasAValidRequestToStartFrom) {
  std::set<std::string> covered;
  int64_t number = 0;
  for (const ValidRequest& valid : ValidRequests()) {
    SCOPED_TRACE(valid.rpc + ": " + valid.text);
    const std::unique_ptr<Message> request = Parse(valid);
    ASSERT_NE(request, nullptr);
    MakeIdNew(*request, ++number);
    const MethodDescriptor& method = *FindMethod(valid);
    const RawAnswer answer = Call(method, request->SerializeAsString());
    EXPECT_EQ(CodeOf(answer), valid.code) << answer.status.error_message();
    EXPECT_EQ(FaultOfError(method, answer), "");
    covered.insert(method.full_name());
  }
  for (const ServiceDescriptor* service : Services()) {
    for (int i = 0; i < service->method_count(); ++i) {
      EXPECT_EQ(covered.count(service->method(i)->full_name()), 1u)
          << service->method(i)->full_name();
    }
  }
}

TEST_F(MalformedRequestsTest, IllegalFieldsAreRefusedByName) {
  std::set<std::string> all_fields;
  for (const ValidRequest& valid : ValidRequests()) {
    const std::unique_ptr<Message> request = Parse(valid);
    ASSERT_NE(request, nullptr) << valid.text;
    const MethodDescriptor& method = *FindMethod(valid);
    all_fields.merge(FieldsWithin(*method.input_type()));
    RequestMutator(*request, random_, [&](const Mutant& mutant) {
      if (server_->IsRunning()) Judge(valid, method, mutant);
    }).Run();
    ExpectAlive();
  }
  EXPECT_GE(mutant_count_, kLeastMutants);
  EXPECT_EQ(fault_count_, 0);
  for (const std::string& field : fields_) all_fields.erase(field);
  EXPECT_TRUE(all_fields.empty())
      << all_fields.size() << " fields were never changed, such as "
      << *all_fields.begin();
  std::cout << "seed " << seed_ << ": " << mutant_count_
            << " malformed requests over " << fields_.size() << " fields, "
            << expectations_[Expectation::kIllegal]
            << " of them illegal by the field's own rule; answers by code:";
  for (const auto& [code, count] : codes_) {
    std::cout << " " << code << ":" << count;
  }
  std::cout << "; " << fault_count_ << " wrong\n";
}

TEST_F(MalformedRequestsTest, TooLargeMessagesAreRefusedBeforeTheyAreRead) {
  v1::PredictRequest request;
  auto* columns = request.mutable_point_columns();
  constexpr int kRows = 1100000;  // 2 columns of 8 bytes: above 16 MiB
  columns->mutable_law_params()->Resize(kRows, 1e9);
  columns->mutable_training_tokens()->Resize(kRows, 1e10);
  const std::string bytes = request.SerializeAsString();
  ASSERT_GT(bytes.size(), size_t{16} << 20);
  const RawAnswer answer =
      CallRaw(server_->channel(), "/moeplan.v1.PlannerService/Predict", bytes);
  EXPECT_EQ(answer.status.error_code(), StatusCode::RESOURCE_EXHAUSTED)
      << answer.status.error_message();
  ExpectAlive();
}

TEST_F(MalformedRequestsTest, ManyViolationsAreCountedAndTheFirstOnesListed) {
  v1::PredictRequest request;
  auto* columns = request.mutable_point_columns();
  columns->mutable_law_params()->Resize(50000, -1);
  columns->mutable_training_tokens()->Resize(50000, -1);
  const RawAnswer answer =
      CallRaw(server_->channel(), "/moeplan.v1.PlannerService/Predict",
              request.SerializeAsString());
  EXPECT_EQ(answer.status.error_code(), StatusCode::INVALID_ARGUMENT);
  const ErrorDetails details = DecodeDetails(answer.status);
  EXPECT_EQ(details.error_info.metadata().at("violation_count"), "100000");
  EXPECT_GE(details.bad_request.field_violations_size(), 10);
  EXPECT_LE(details.bad_request.field_violations_size(), 20);
  EXPECT_LE(answer.status.error_details().size(), 4096u);
}

// No handler sees these bytes; gRPC itself answers.
TEST_F(MalformedRequestsTest, BytesThatAreNoMessageEndTheCallOnly) {
  for (const ValidRequest& valid : ValidRequests()) {
    const MethodDescriptor& method = *FindMethod(valid);
    for (int i = 0; i < 20; ++i) {
      std::string bytes = Parse(valid)->SerializeAsString();
      if (bytes.empty()) bytes = std::string(16, '\0');
      // Field number 0 is illegal in every message.
      bytes.insert(random_() % bytes.size(), std::string("\x00\xff\xff", 3));
      bytes.resize(bytes.size() - random_() % 2);
      CallRaw(server_->channel(), PathOf(method), bytes);
    }
    CallRaw(server_->channel(), PathOf(method), std::string(100, '\xff'));
  }
  ExpectAlive();
}

TEST_F(MalformedRequestsTest, UnknownFieldsAreIgnored) {
  const std::string unknown =
      "\xc2\x3e\x03"
      "abc";  // field 1000, three bytes
  int64_t number = 1000000;
  for (const ValidRequest& valid : ValidRequests()) {
    const std::unique_ptr<Message> request = Parse(valid);
    MakeIdNew(*request, ++number);
    const RawAnswer answer =
        Call(*FindMethod(valid), request->SerializeAsString() + unknown);
    EXPECT_EQ(CodeOf(answer), valid.code)
        << valid.rpc << ": " << answer.status.error_message();
  }
}

TEST_F(MalformedRequestsTest, UnknownMethodsAreUnimplemented) {
  for (const char* method :
       {"/moeplan.v1.PlannerService/Guess", "/moeplan.v1.NoService/Predict",
        "/moeplan.v2.PlannerService/Predict"}) {
    EXPECT_EQ(CallRaw(server_->channel(), method, "").status.error_code(),
              StatusCode::UNIMPLEMENTED)
        << method;
  }
}

}  // namespace
}  // namespace moeplan::testing
