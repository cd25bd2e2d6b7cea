import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { CertificateFiles } from "../../node-agent/edge/front/certificate.ts";

/** A new key with a certificate that it signed itself, made by openssl in `folder`. */
export function makeCertificate(
  folder: string,
  name: string,
  hosts: readonly string[] = ["localhost"],
): CertificateFiles {
  const certFile = join(folder, `${name}.crt`);
  const keyFile = join(folder, `${name}.key`);
  const names = hosts.map((host) => `DNS:${host}`).join(",");
  const request = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    "30",
  ];
  const output = ["-keyout", keyFile, "-out", certFile, "-subj", `/CN=${name}`, "-addext", `subjectAltName=${names}`];
  execFileSync("openssl", [...request, ...output], { stdio: "pipe" });
  return { certFile, keyFile };
}
