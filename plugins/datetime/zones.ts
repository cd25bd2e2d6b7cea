import { IANAZone } from "luxon";

/** Cities and countries with one zone that is not named after them. */
const PLACES: Readonly<Record<string, string>> = {
  beijing: "Asia/Shanghai",
  china: "Asia/Shanghai",
  shenzhen: "Asia/Shanghai",
  guangzhou: "Asia/Shanghai",
  北京: "Asia/Shanghai",
  上海: "Asia/Shanghai",
  深圳: "Asia/Shanghai",
  广州: "Asia/Shanghai",
  中国: "Asia/Shanghai",
  香港: "Asia/Hong_Kong",
  台北: "Asia/Taipei",
  东京: "Asia/Tokyo",
  日本: "Asia/Tokyo",
  japan: "Asia/Tokyo",
  首尔: "Asia/Seoul",
  韩国: "Asia/Seoul",
  korea: "Asia/Seoul",
  新加坡: "Asia/Singapore",
  曼谷: "Asia/Bangkok",
  迪拜: "Asia/Dubai",
  india: "Asia/Kolkata",
  印度: "Asia/Kolkata",
  delhi: "Asia/Kolkata",
  "new delhi": "Asia/Kolkata",
  mumbai: "Asia/Kolkata",
  bangalore: "Asia/Kolkata",
  伦敦: "Europe/London",
  英国: "Europe/London",
  uk: "Europe/London",
  巴黎: "Europe/Paris",
  法国: "Europe/Paris",
  france: "Europe/Paris",
  柏林: "Europe/Berlin",
  德国: "Europe/Berlin",
  germany: "Europe/Berlin",
  munich: "Europe/Berlin",
  frankfurt: "Europe/Berlin",
  莫斯科: "Europe/Moscow",
  italy: "Europe/Rome",
  milan: "Europe/Rome",
  geneva: "Europe/Zurich",
  纽约: "America/New_York",
  华盛顿: "America/New_York",
  washington: "America/New_York",
  boston: "America/New_York",
  miami: "America/New_York",
  atlanta: "America/New_York",
  芝加哥: "America/Chicago",
  houston: "America/Chicago",
  dallas: "America/Chicago",
  austin: "America/Chicago",
  洛杉矶: "America/Los_Angeles",
  旧金山: "America/Los_Angeles",
  西雅图: "America/Los_Angeles",
  "san francisco": "America/Los_Angeles",
  "silicon valley": "America/Los_Angeles",
  seattle: "America/Los_Angeles",
  "las vegas": "America/Los_Angeles",
  多伦多: "America/Toronto",
  温哥华: "America/Vancouver",
  montreal: "America/Toronto",
  ottawa: "America/Toronto",
  悉尼: "Australia/Sydney",
  墨尔本: "Australia/Melbourne",
  canberra: "Australia/Sydney",
  奥克兰: "Pacific/Auckland",
  "rio de janeiro": "America/Sao_Paulo",
  eastern: "America/New_York",
  central: "America/Chicago",
  mountain: "America/Denver",
  pacific: "America/Los_Angeles",
  est: "America/New_York",
  edt: "America/New_York",
  et: "America/New_York",
  cdt: "America/Chicago",
  mst: "America/Denver",
  mdt: "America/Denver",
  pst: "America/Los_Angeles",
  pdt: "America/Los_Angeles",
  pt: "America/Los_Angeles",
  gmt: "UTC",
  utc: "UTC",
  z: "UTC",
  wet: "Europe/Lisbon",
  bst: "Europe/London",
  cet: "Europe/Paris",
  cest: "Europe/Paris",
  eet: "Europe/Athens",
  eest: "Europe/Athens",
  msk: "Europe/Moscow",
  jst: "Asia/Tokyo",
  kst: "Asia/Seoul",
  hkt: "Asia/Hong_Kong",
  sgt: "Asia/Singapore",
  aest: "Australia/Sydney",
  aedt: "Australia/Sydney",
  北京时间: "Asia/Shanghai",
};

/** Names that several zones go by: better asked than guessed. */
const AMBIGUOUS: Readonly<Record<string, string>> = {
  cst: "America/Chicago (Central) or Asia/Shanghai (China)",
  ist: "Asia/Kolkata (India), Europe/Dublin (Irish) or Asia/Jerusalem (Israel)",
  usa: "America/New_York, America/Chicago, America/Denver or America/Los_Angeles",
  us: "America/New_York, America/Chicago, America/Denver or America/Los_Angeles",
  美国: "America/New_York, America/Chicago, America/Denver or America/Los_Angeles",
  australia: "Australia/Sydney, Australia/Brisbane, Australia/Adelaide or Australia/Perth",
};

let cities: ReadonlyMap<string, string> | undefined;

/** An IANA name, or `UTC+8` for an offset, of a zone by its name, a city, a country or an offset. Throws RangeError. */
export function findZone(text: string): string {
  const plain = text.trim();
  const lower = plain.toLowerCase().replaceAll("_", " ");
  const several = AMBIGUOUS[lower];
  if (several !== undefined) throw new RangeError(`'${plain}' may be ${several}. Name one.`);
  if (Object.hasOwn(PLACES, lower)) return PLACES[lower] ?? plain;
  const [, sign, hours = "", minutes = "0"] = /^(?:utc|gmt)?\s*([+-])(\d{1,2}):?(\d{2})?$/.exec(lower) ?? [];
  if (sign !== undefined && Number(hours) <= 14 && Number(minutes) < 60)
    return `UTC${sign}${Number(hours)}${Number(minutes) === 0 ? "" : `:${minutes}`}`;
  cities ??= new Map(
    Intl.supportedValuesOf("timeZone").flatMap((zone) => [
      [zone.toLowerCase().replaceAll("_", " "), zone] as const,
      [(zone.split("/").at(-1) ?? zone).toLowerCase().replaceAll("_", " "), zone] as const,
    ]),
  );
  const zone = cities.get(lower);
  if (zone !== undefined) return zone;
  if (plain.includes("/") && IANAZone.isValidZone(plain)) return plain;
  throw new RangeError(
    `'${plain.slice(0, 60)}' is not a time zone. Use a name such as 'Europe/Berlin', a large city or 'UTC+8'.`,
  );
}
