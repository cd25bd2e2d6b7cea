/**
 * Addresses that lead to this machine, its network or a cloud's own services, each written as somebody who wants that might. `PORT`
 * stands for that of a server on this machine.
 */
export const PRIVATE_URLS: readonly string[] = [
  // This machine, plainly and less so.
  "https://localhost:PORT/",
  "https://LOCALHOST.:PORT/",
  "https://api.localhost:PORT/",
  "https://localhost.localdomain:PORT/",
  "https://127.0.0.1:PORT/",
  "https://127.1:PORT/",
  "https://127.0.0.1.:PORT/",
  "https://127.255.255.254:PORT/",
  "https://0.0.0.0:PORT/",
  "https://0:PORT/",
  "https://2130706433:PORT/", // decimal
  "https://0x7f000001:PORT/", // hexadecimal
  "https://0x7f.0.0.1:PORT/",
  "https://017700000001:PORT/", // octal
  "https://0177.0.0.01:PORT/",
  "https://127.0x0.0.1:PORT/",
  "https://%31%32%37.0.0.1:PORT/",
  "https://127。0。0。1:PORT/", // ideographic full stops
  "https://①②⑦.⓪.⓪.①:PORT/",
  "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:PORT/",
  "https://[::1]:PORT/",
  "https://[0:0:0:0:0:0:0:1]:PORT/",
  "https://[::]:PORT/",
  "https://[::127.0.0.1]:PORT/", // IPv4-compatible
  "https://[::ffff:127.0.0.1]:PORT/", // IPv4-mapped
  "https://[::ffff:7f00:1]:PORT/",
  "https://[0:0:0:0:0:ffff:7f00:0001]:PORT/",
  "https://[::ffff:0:127.0.0.1]:PORT/", // IPv4-translated
  "https://[64:ff9b::127.0.0.1]:PORT/", // NAT64
  "https://[64:ff9b:1::7f00:1]:PORT/", // local NAT64
  "https://[2002:7f00:1::]:PORT/", // 6to4
  "https://[2001:0:7f00:1::]:PORT/", // Teredo
  // Networks at home and at work.
  "https://10.0.0.1/",
  "https://10.255.255.255/",
  "https://172.16.0.1/",
  "https://172.31.255.255/",
  "https://192.168.1.1/",
  "https://192.168.1.1:8443/",
  "https://100.64.0.1/",
  "https://198.18.0.1/",
  "https://[fd12:3456:789a::1]/",
  "https://[fc00::1]/",
  "https://[fe80::1]/",
  "https://[fec0::1]/",
  "https://[::ffff:10.0.0.1]/",
  "https://[64:ff9b::a00:1]/",
  "https://router/",
  "https://nas.local/",
  "https://printer.lan/",
  "https://box.home/",
  "https://box.home.arpa/",
  "https://wiki.corp/",
  "https://build.internal/",
  // Clouds' own services.
  "https://169.254.169.254/latest/meta-data/",
  "https://169.254.170.2/v2/credentials",
  "https://[fd00:ec2::254]/latest/meta-data/",
  "https://[::ffff:169.254.169.254]/",
  "https://0xa9fea9fe/",
  "https://2852039166/",
  "https://metadata.google.internal/",
  "https://metadata/",
  "https://100.100.100.200/",
  "https://192.0.0.192/",
  "https://168.63.129.16/",
  // What is no one machine's.
  "https://224.0.0.1/",
  "https://239.255.255.250/",
  "https://255.255.255.255/",
  "https://240.0.0.1/",
  "https://[ff02::1]/",
];

/** Addresses of another kind that are not taken, wherever they lead. */
export const STRANGE_URLS: readonly string[] = [
  "http://example.com/",
  "http://127.0.0.1:PORT/",
  "ftp://example.com/",
  "file:///etc/passwd",
  "gopher://127.0.0.1:PORT/",
  "data:text/plain,x",
  "javascript:alert(1)",
  "blob:https://example.com/x",
  "wss://example.com/",
  "https://user@example.com/",
  "https://user:password@example.com/",
  "https://example.com@127.0.0.1:PORT/",
  "https://example.com:443@127.0.0.1:PORT/",
  "https://127.0.0.1:PORT\\@example.com/",
  "https://example.com:22/",
  "https://example.com:25/",
  "https://example.com:80/",
  "https://example.com:0/",
  "https://example.com:99999/",
  "https://",
  "//example.com/",
  "example.com",
  "",
  "https://exa mple.com/",
  "https://[::1/",
  `https://example.com/${"x".repeat(2048)}`,
];

/** Addresses that are taken. */
export const PUBLIC_URLS: readonly string[] = [
  "https://example.com/",
  "https://hooks.example.com/services/T0/B0?key=a%20b",
  "https://example.com:8443/",
  "https://example.com:5678/webhook",
  "https://example.com./",
  "https://bücher.example/",
  "https://93.184.216.34/",
  "https://[2606:2800:220:1:248:1893:25c8:1946]/",
  "https://[::ffff:93.184.216.34]/",
  "https://localhost.example.com/",
];
