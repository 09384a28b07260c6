/** Logging is handed in, as the four levels of pino's logger that the rooms use. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Where nobody listens. */
export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
