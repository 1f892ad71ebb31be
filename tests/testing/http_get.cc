#include "tests/testing/http_get.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace moeplan::testing {
namespace {

// A connected socket, or -1.
int Connect(const std::string& address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  sockaddr_in peer = {};
  peer.sin_family = AF_INET;
  if (colon == std::string::npos ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      inet_pton(AF_INET, address.substr(0, colon).c_str(), &peer.sin_addr) !=
          1) {
    return -1;
  }
  peer.sin_port = htons(static_cast<uint16_t>(port));
  const int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(socket_fd, reinterpret_cast<sockaddr*>(&peer), sizeof(peer)) ==
      0) {
    return socket_fd;
  }
  close(socket_fd);
  return -1;
}

}  // namespace

absl::StatusOr<std::string> HttpGet(const std::string& address,
                                    const std::string& path) {
  const int socket_fd = Connect(address);
  if (socket_fd < 0) {
    return absl::UnavailableError(absl::StrCat("no connection to ", address));
  }
  const std::string request =
      absl::StrCat("GET ", path, " HTTP/1.0\r\nHost: ", address, "\r\n\r\n");
  std::string answer;
  if (send(socket_fd, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
    char buffer[65536];
    ssize_t count = 0;
    while ((count = recv(socket_fd, buffer, sizeof(buffer), 0)) > 0) {
      answer.append(buffer, static_cast<size_t>(count));
    }
  }
  close(socket_fd);
  const size_t body = answer.find("\r\n\r\n");
  const std::string first_line = answer.substr(0, answer.find('\r'));
  if (body == std::string::npos || !absl::StrContains(first_line, " 200 ")) {
    return absl::UnknownError(first_line);
  }
  return answer.substr(body + 4);
}

}  // namespace moeplan::testing
