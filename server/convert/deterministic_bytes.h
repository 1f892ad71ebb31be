#ifndef MOEPLAN_SERVER_CONVERT_DETERMINISTIC_BYTES_H_
#define MOEPLAN_SERVER_CONVERT_DETERMINISTIC_BYTES_H_

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message_lite.h>

#include <string>

namespace moeplan::server {

// `message` serialised so that equal messages give equal bytes.
inline std::string DeterministicBytes(
    const google::protobuf::MessageLite& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_CONVERT_DETERMINISTIC_BYTES_H_
