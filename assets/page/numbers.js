// Numbers as people read them, in the page's language. Rounded for the eye, never for a decision.

const BYTE_UNITS = ["B", "KB", "MB", "GB", "TB"];

/** 1536 → "1.5 KB"; thousands, as disks and download pages count. */
export function bytes(n, language) {
  const power = n < 1000 ? 0 : Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log10(n) / 3));
  const value = n / 1000 ** power;
  const digits = power > 0 && value < 10 ? 1 : 0;
  return `${formatted(value, language, { maximumFractionDigits: digits })} ${BYTE_UNITS[power]}`;
}

/** 12000 → "12,000". */
export function count(n, language) {
  return formatted(n, language, { maximumFractionDigits: 0 });
}

/** 596049920 → "596 million"; three digits, the rest in words. */
export function large(n, language) {
  return formatted(n, language, { notation: "compact", compactDisplay: "long", maximumSignificantDigits: 3 });
}

/** 0.125 → "13%"; a share below a tenth keeps two digits, 0.000085 → "0.0085%". */
export function share(x, language) {
  const digits = x < 0.1 ? { maximumSignificantDigits: 2 } : { maximumFractionDigits: 0 };
  return formatted(x, language, { style: "percent", ...digits });
}

/** 95 → "1 min 35 s"; at most two units, whole seconds. */
export function duration(seconds, language) {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (hours) return [unit(hours, "hour", language), minutes && unit(minutes, "minute", language)].filter(Boolean).join(" ");
  if (minutes) return [unit(minutes, "minute", language), rest && unit(rest, "second", language)].filter(Boolean).join(" ");
  return unit(whole, "second", language);
}

/** 0.4321 → "0.43": a measured value, with `digits` behind the point. */
export function decimal(x, digits, language) {
  return formatted(x, language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function unit(n, name, language) {
  return formatted(n, language, { style: "unit", unit: name, unitDisplay: "short" });
}

function formatted(n, language, options) {
  return new Intl.NumberFormat(language === "zh" ? "zh-CN" : "en", options).format(n);
}
