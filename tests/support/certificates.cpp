// SPDX-License-Identifier: Apache-2.0
#include "tests/support/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

namespace ringside::testing {

namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

void require(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(std::string("making test certificates: ") + what);
}

void add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
  require(extension != nullptr, "extension");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

struct Identity {
  Key key{EVP_EC_gen("P-256"), EVP_PKEY_free};
  Certificate certificate{X509_new(), X509_free};
};

Identity make_identity(const char* name, long serial, const char* alternative_name, const Identity* issuer) {
  Identity made;
  require(made.key && made.certificate, "key");
  X509* certificate = made.certificate.get();
  X509* signer = issuer != nullptr ? issuer->certificate.get() : certificate;
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(signer));
  add_extension(certificate, signer, NID_basic_constraints,
                issuer != nullptr ? "CA:FALSE" : "critical,CA:TRUE");
  if (alternative_name != nullptr) add_extension(certificate, signer, NID_subject_alt_name, alternative_name);
  EVP_PKEY* signing_key = issuer != nullptr ? issuer->key.get() : made.key.get();
  require(X509_sign(certificate, signing_key, EVP_sha256()) > 0, "signature");
  return made;
}

template <class Write>
void write_pem(const std::string& path, Write write) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "w"), std::fclose);
  require(file && write(file.get()) == 1, path.c_str());
}

void write_identity(const Identity& identity, const std::string& certificate, const std::string& key) {
  write_pem(certificate, [&](FILE* file) { return PEM_write_X509(file, identity.certificate.get()); });
  write_pem(key, [&](FILE* file) {
    return PEM_write_PrivateKey(file, identity.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

}  // namespace

Certificates make_certificates(const std::string& directory) {
  const Certificates files{directory + "/ca.pem", directory + "/server.pem", directory + "/server-key.pem",
                           directory + "/client.pem", directory + "/client-key.pem"};
  const Identity ca = make_identity("Test CA", 1, nullptr, nullptr);
  write_identity(ca, files.ca, directory + "/ca-key.pem");
  write_identity(make_identity("server", 2, "DNS:localhost", &ca), files.server, files.server_key);
  write_identity(make_identity("client", 3, nullptr, &ca), files.client, files.client_key);
  return files;
}

}  // namespace ringside::testing
