/** The version of daemon and command; the same as in package.json, which is not there to be read on every box. */
export const VERSION = '0.1.0';
