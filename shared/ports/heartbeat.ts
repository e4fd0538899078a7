/**
 * A party outside Google that pages people when it hears nothing of us. It is told of each tick that did all it had to, and of no
 * other: our own silence is the alarm. Rejects with `PortError`.
 */
export interface Heartbeat {
  beat(): Promise<void>;
}
