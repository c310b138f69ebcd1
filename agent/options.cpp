// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"

#include "agent/output/format.h"
#include "base/bytes.h"

namespace ringside::agent {

namespace {

/// Turns an error value into what CLI11 reports as a usage error.
template <class T>
T or_usage(Result<T> value, const std::string& option) {
  if (value) return std::move(*value);
  const Error& error = value.error();
  throw CLI::ValidationError(option, error.hint.empty() ? error.message : error.message + ": " + error.hint);
}

template <class Parse>
CLI::Option* add_parsed(CLI::App& verb, const std::string& name, const std::string& help, Parse parse) {
  return verb.add_option_function<std::string>(
      name, [name, parse](const std::string& text) { parse(text); }, help);
}

Result<guest::live::MsrSource> parse_msr_source(const std::string& name) {
  using guest::live::MsrSource;
  if (name == "auto") return MsrSource::automatic;
  if (name == "calibrated") return MsrSource::calibrated;
  if (name == "vmstate") return MsrSource::vmstate;
  if (name == "none") return MsrSource::none;
  return fail(Errc::invalid_argument, "\"" + name + "\" is no way to read MSRs",
              "choose auto, calibrated, vmstate or none");
}

}  // namespace

CLI::Option* add_duration(CLI::App& verb, const std::string& name, std::chrono::milliseconds& into,
                          const std::string& help) {
  return add_parsed(verb, name, help,
                    [&into, name](const std::string& text) { into = or_usage(parse_duration(text), name); })
      ->type_name("TIME");
}

CLI::Option* add_number(CLI::App& verb, const std::string& name, std::uint64_t& into,
                        const std::string& help) {
  return add_parsed(verb, name, help,
                    [&into, name](const std::string& text) {
                      const auto number = parse_number(text);
                      if (!number)
                        throw CLI::ValidationError(name,
                                                   "\"" + text + "\" is no number: write 4096 or 0x1000");
                      into = *number;
                    })
      ->type_name("NUMBER");
}

void add_output_options(CLI::App& verb, Context& context) {
  static constexpr const char* kGroup = "Output";
  Options& options = context.options;
  verb.add_flag("--json", options.json, "Answer in JSON; errors come as one JSON line on stderr")
      ->group(kGroup);
  add_parsed(verb, "--color", "When to colour: auto (on a terminal), always, never",
             [&options](const std::string& text) {
               if (text != "auto" && text != "always" && text != "never")
                 throw CLI::ValidationError("--color", "\"" + text + "\" is not auto, always or never");
               options.color = text == "auto"     ? ColorMode::automatic
                               : text == "always" ? ColorMode::always
                                                  : ColorMode::never;
             })
      ->type_name("WHEN")
      ->group(kGroup);
  auto* verbose = verb.add_flag("-v,--verbose", options.verbose, "Log what is done")->group(kGroup);
  verb.add_flag("-q,--quiet", options.quiet, "Log errors only")->group(kGroup)->excludes(verbose);
}

void add_connection_options(CLI::App& verb, Context& context) {
  static constexpr const char* kGroup = "Connection";
  Options& options = context.options;
  add_parsed(verb, "--memory", "How to read guest RAM: auto, mapped, process, qmp, gdbstub",
             [&options](const std::string& text) {
               options.backend = or_usage(guest::live::parse_backend(text), "--memory");
             })
      ->type_name("WAY")
      ->group(kGroup);
  add_duration(verb, "--timeout", options.timeout, "How long to wait for the monitor to answer (5s)")
      ->group(kGroup);
  verb.add_option("--tls-ca", options.tls.ca_file, "CA certificates to trust, for tls:HOST:PORT")
      ->type_name("FILE")
      ->group(kGroup);
  auto* certificate = verb.add_option("--tls-cert", options.tls.certificate_file, "Client certificate")
                          ->type_name("FILE")
                          ->group(kGroup);
  auto* key = verb.add_option("--tls-key", options.tls.key_file, "Client certificate's private key")
                  ->type_name("FILE")
                  ->group(kGroup);
  certificate->needs(key);
  key->needs(certificate);
  verb.add_option("--tls-name", options.tls.server_name, "Name in the server's certificate, if not HOST")
      ->type_name("NAME")
      ->group(kGroup);
}

void add_target(CLI::App& verb, Context& context) {
  verb.add_option("TARGET", context.options.target,
                  "QMP socket path, tcp:HOST:PORT, tls:HOST:PORT, libvirt:DOMAIN or snapshot file")
      ->required()
      ->type_name("");
  add_connection_options(verb, context);
  add_output_options(verb, context);
}

void add_msr_option(CLI::App& verb, Context& context) {
  Options& options = context.options;
  add_parsed(
      verb, "--msrs",
      "How to read MSRs: auto, calibrated (never stops the guest), vmstate (stops it for about 2 ms), none",
      [&options](const std::string& text) {
        options.msrs = or_usage(parse_msr_source(text), "--msrs");
        options.msrs_given = true;
      })
      ->type_name("WAY")
      ->group("Connection");
}

void add_example(CLI::App& verb, const std::string& lines) {
  verb.footer("Example:\n" + lines);
}

}  // namespace ringside::agent
