/** GPIO lines through sysfs, where the kernel still has it. */
import { loadNative, openingFailed } from './failures.ts';
import { sysfsGpio } from './gpio-numbers.ts';
import type { GpioLine } from './hal.ts';

/** BCM line `bcm`, high impedance until it is written to. `edges`: it will be listened to and is never written. */
export async function openSysfsLine(bcm: number, edges: boolean): Promise<GpioLine> {
  const { Gpio } = await loadNative('onoff', () => import('onoff'));
  const number = await sysfsGpio(bcm);
  let gpio: InstanceType<typeof Gpio>;
  try {
    gpio = edges ? new Gpio(number, 'in', 'rising') : new Gpio(number, 'in');
  } catch (e) {
    throw openingFailed('onoff', `GPIO ${bcm} (sysfs ${number})`, e);
  }
  const listeners = new Set<() => void>();
  return {
    read: () => gpio.read(),
    async write(value) {
      gpio.setDirection(value === 0 ? 'low' : 'high'); // direction and level in one step: no glitch
    },
    async release() {
      gpio.setDirection('in');
    },
    onEdge(listener) {
      const own = () => listener();
      if (listeners.size === 0)
        gpio.watch(() => {
          for (const l of [...listeners]) l();
        });
      listeners.add(own);
      return () => {
        if (listeners.delete(own) && listeners.size === 0) gpio.unwatchAll();
      };
    },
    async close() {
      gpio.unwatchAll();
      gpio.unexport();
    },
  };
}
