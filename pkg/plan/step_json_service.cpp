#include "plan/step_json_service.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"

namespace trestle::plan {

namespace {

using Json = nlohmann::json;

void put_files(JsonObject& json, const std::vector<ServiceFile>& files) {
  json.list("files", files, [](std::string& out, const ServiceFile& file) {
    JsonObject{out}("name", file.name).list("text", base::split(file.text, '\n'));
  });
}

// They are made and removed by name: nothing may lead out of the directory.
std::string plain(std::string name) {
  if (name.empty() || name.front() == '/' || name.find("..") != name.npos)
    throw base::Error(base::Code::store, "record: a file of the guest services has a bad name");
  return name;
}

std::vector<ServiceFile> files_of(const Json& json) {
  std::vector<ServiceFile> out;
  for (const Json& file : json.at("files")) {
    std::vector<std::string> lines;
    for (const Json& line : file.at("text")) lines.push_back(line.get<std::string>());
    out.push_back({plain(file.at("name").get<std::string>()), base::join(lines, "\n")});
  }
  return out;
}

std::string directory_of(const Json& json) {
  std::string directory = json.at("directory").get<std::string>();
  if (directory.empty() || directory.front() != '/' || directory.find("/..") != directory.npos)
    throw base::Error(base::Code::store, "record: the directory of the guest services is damaged");
  return directory;
}

template <class F>
auto reading(F&& body) {
  try {
    return body();
  } catch (const Json::exception&) {
    throw base::Error(base::Code::store, "record: a step of the guest services is damaged");
  }
}

}  // namespace

void put_service(JsonObject& json, const Service& service) {
  json("step", "service")("link", service.link.str())("directory", service.directory)("offers", service.offers);
  put_files(json, service.files);
}

void put_guest_host(JsonObject& json, const GuestHost& host) {
  json("step", "guestHost")("directory", host.directory)("mac", host.mac.str());
  json.list("addresses", host.addresses, [](std::string& out, const net::Ip& ip) { append_json_text(out, ip.str()); });
  put_files(json, host.files);
}

Service service_from_json(const Json& json) {
  return reading([&] {
    return Service{net::IfName::parse(json.at("link").get<std::string>()), directory_of(json),
                   json.at("offers").get<std::string>(), files_of(json)};
  });
}

GuestHost guest_host_from_json(const Json& json) {
  return reading([&] {
    GuestHost out{directory_of(json), net::Mac::parse(json.at("mac").get<std::string>()), {}, files_of(json)};
    for (const Json& ip : json.at("addresses")) out.addresses.push_back(net::Ip::parse(ip.get<std::string>()));
    return out;
  });
}

}  // namespace trestle::plan
