import type { CalendarDate, Instant } from "./schema";

const DAY = new Intl.DateTimeFormat("en-US", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

/** `2026-11-30` (or an instant, in UTC) as `Nov 30, 2026`. */
export function dayText(at: CalendarDate | Instant): string {
  return DAY.format(new Date(at));
}

/** `1 day`, `2 days`. */
export function daysText(count: number): string {
  return count === 1 ? "1 day" : `${count} days`;
}

/** The address if it is one that a browser may follow, else null: what was found on a page can say anything. */
export function webAddress(url: string | null): string | null {
  if (url === null || !URL.canParse(url)) return null;
  const parsed = new URL(url);
  return ["https:", "http:"].includes(parsed.protocol) ? parsed.href : null;
}

/** First letters of the first and the last word: `Ada Sample` gives `AS`. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters.map((word) => word?.charAt(0).toUpperCase() ?? "").join("");
}

/** `executive_movement` as people read it: `Executive movement`. */
export function spoken(code: string): string {
  const words = code.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
