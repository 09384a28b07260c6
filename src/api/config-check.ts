/** The one thing `nexus` does without a daemon: what `nexusd` would say to a configuration file. */
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { airtimeOn } from '../node/lora-profile.ts';

/** The configuration that the file would put in force. Rejects with `PersonError` `config` where it is wrong. */
export async function checkConfig(file: string): Promise<Config> {
  return (await loadConfig(file, airtimeOn)).config;
}
