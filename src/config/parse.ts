/** From the text of a configuration file to its values, or to sentences a person can act on. */
import { parse, TomlError } from 'smol-toml';
import * as v from 'valibot';
import { PersonError } from '../core/errors.ts';
import { nearest } from './nearest.ts';
import { lineOf } from './positions.ts';
import { type FileConfig, KEYS, schema } from './schema.ts';

/** One thing that is wrong, and where. */
export interface Problem {
  /** Dotted; undefined where the text is not TOML at all. */
  readonly key: string | undefined;
  /** From 1; undefined for what the file does not say. */
  readonly line: number | undefined;
  /** What is wrong and what would be right. */
  readonly sentence: string;
}

/** Thrown as `PersonError` with code `config`: one line per problem, each beginning with file and line. */
export function refusal(file: string, problems: readonly Problem[]): PersonError {
  const lines = problems.map((p) => `${file}${p.line === undefined ? '' : `:${p.line}`}: ${p.sentence}`);
  return new PersonError('config', lines.join('\n'));
}

/** The values of a configuration text. Throws `refusal` where it is not TOML or a key or value is wrong. */
export function parseConfig(toml: string, file: string): FileConfig {
  const result = v.safeParse(schema, parseToml(toml, file));
  if (result.success) return result.output;
  // several rules of one key may be broken at once: its sentence is said once
  const problems = new Map<string, Problem>();
  for (const issue of result.issues) {
    // of a list it is told which of its values is wrong, by that value
    const path = (issue.path ?? []).filter((p) => p.type !== 'array').map((p) => String(p.key));
    const name = path.join('.');
    if (problems.has(name)) continue;
    const sentence = issue.expected === 'never' ? unknownKey(name) : wrongValue(name, issue.input);
    problems.set(name, { key: name, line: lineOf(toml, path), sentence });
  }
  throw refusal(
    file,
    [...problems.values()].sort((a, b) => (a.line ?? 0) - (b.line ?? 0)),
  );
}

function parseToml(toml: string, file: string): unknown {
  try {
    return parse(toml, { maxDepth: 8, unsafeKeyBehaviour: 'throw' });
  } catch (e) {
    if (!(e instanceof TomlError)) throw e;
    const [what = ''] = e.message.replace(/^Invalid TOML document: /, '').split('\n');
    throw refusal(file, [{ key: undefined, line: e.line, sentence: `this is not TOML: ${what}.` }]);
  }
}

function unknownKey(name: string): string {
  const paths = KEYS.map((k) => k.path);
  const tables = [...new Set(paths.map(parentOf))];
  const last = name.slice(name.lastIndexOf('.') + 1);
  const meant =
    paths.find((k) => k.endsWith(`.${last}`)) ??
    nearest(name, [...paths, ...tables.filter((t) => t !== parentOf(name))]);
  if (meant !== undefined) return `there is no key ${plain(name)}; did you mean ${meant}?`;
  const siblings = paths.filter((k) => parentOf(k) === parentOf(name));
  const [only, ...others] = siblings.length > 0 ? siblings : tables;
  const there = others.length === 0 ? `is ${only}` : `are ${[only, ...others].join(', ')}`;
  return `there is no key ${plain(name)}; there ${there}.`;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('.'), 0));
}

function wrongValue(name: string, value: unknown): string {
  const right = KEYS.find((k) => k.path === name)?.right;
  if (right === undefined) return `${name} is a table: write [${name}] on a line of its own.`;
  return `${name} cannot be ${typeof value === 'number' ? value.toString().toLowerCase() : shown(value)}; give ${right}.`;
}

/** As it would be written in the file; long ones cut. */
function shown(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 60);
}

/** A key as it stands in the file, with quotes where it needs them. */
function plain(name: string): string {
  return /^[\w.-]{1,60}$/.test(name) ? name : shown(name);
}
