/**
 * The little that is used of the three native packages. They are optional (a machine without a compiler works
 * without them), so their own types may not be there; and `@types/onoff` would make `onoff` mandatory.
 */

declare module 'spi-device' {
  interface Message {
    byteLength: number;
    sendBuffer: Uint8Array;
    receiveBuffer: Uint8Array;
    speedHz: number;
  }
  interface SpiDevice {
    transfer(message: Message[], done: (e: Error | null, message: Message[]) => void): void;
    close(done: (e: Error | null) => void): void;
  }
  const spi: {
    readonly MODE0: number;
    open(
      bus: number,
      device: number,
      options: { mode: number; maxSpeedHz: number },
      done: (e: Error | null) => void,
    ): SpiDevice;
  };
  export default spi;
}

declare module 'onoff' {
  export class Gpio {
    constructor(gpio: number, direction: 'in' | 'high' | 'low', edge?: 'none' | 'rising');
    read(): Promise<0 | 1>;
    setDirection(direction: 'in' | 'high' | 'low'): void;
    watch(listener: (e: Error | null | undefined, value: 0 | 1) => void): void;
    unwatchAll(): void;
    unexport(): void;
  }
}

declare module 'i2c-bus' {
  interface PromisifiedBus {
    i2cRead(
      address: number,
      length: number,
      buffer: Uint8Array,
    ): Promise<{ bytesRead: number; buffer: Uint8Array }>;
    i2cWrite(address: number, length: number, buffer: Uint8Array): Promise<unknown>;
    close(): Promise<void>;
  }
  const i2c: { openPromisified(bus: number): Promise<PromisifiedBus> };
  export default i2c;
}
