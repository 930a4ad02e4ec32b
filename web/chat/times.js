/**
 * @file Times as people read them, in their own language.
 *
 * Promises: a time of today is a clock time, an older one a date.
 * Does not: know time zones beyond the browser's.
 */

import { LANGUAGE, say } from "./words.js";

const DAY_MS = 86_400_000;
/** Within this many days a weekday says it better than a date. */
const WEEKDAY_DAYS = 6;

/** The browser's own variant (en-GB, zh-TW ...) where it is the language of the page. */
const LOCALE = globalThis.navigator?.languages?.find((language) => language.startsWith(LANGUAGE)) ?? LANGUAGE;

const clock = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(LOCALE, { weekday: "long" });
const shortDate = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short" });
const longDate = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "long", year: "numeric" });
const full = new Intl.DateTimeFormat(LOCALE, { dateStyle: "full", timeStyle: "medium" });

/** @param {number} time */
export function clockTime(time) {
  return clock.format(time);
}

/** @param {number} time */
export function fullTime(time) {
  return full.format(time);
}

/**
 * For a list: the clock time today, then the day.
 * @param {number} time
 */
export function listTime(time) {
  const days = daysAgo(time);
  if (days <= 0) return clock.format(time);
  if (days === 1) return say("yesterday");
  return days <= WEEKDAY_DAYS ? weekday.format(time) : shortDate.format(time);
}

/**
 * For a line between two days.
 * @param {number} time
 */
export function dayName(time) {
  const days = daysAgo(time);
  if (days <= 0) return say("today");
  if (days === 1) return say("yesterday");
  return days <= WEEKDAY_DAYS ? weekday.format(time) : longDate.format(time);
}

/**
 * Whether two times fall on one day.
 * @param {number} a
 * @param {number} b
 */
export function isSameDay(a, b) {
  return startOfDay(a) === startOfDay(b);
}

/** @param {number} time */
function daysAgo(time) {
  return Math.round((startOfDay(Date.now()) - startOfDay(time)) / DAY_MS);
}

/** @param {number} time */
function startOfDay(time) {
  return new Date(time).setHours(0, 0, 0, 0);
}
