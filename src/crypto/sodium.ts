/** libsodium (WASM), awaited once: whoever imports this file finds it ready. */
import sodium from 'libsodium-wrappers-sumo';

await sodium.ready;

export { sodium };
