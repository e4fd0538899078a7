import type { Json } from '../core/json.ts';
import type { Topic } from '../system/names.ts';

/** Publishing. A lost publish is found by `tick`; a duplicate finds nothing to do (decisions.md 8). Rejects with `PortError`. */
export interface Messages {
  publish(topic: Topic, data: Json, attributes?: Readonly<Record<string, string>>): Promise<void>;
}

/** One delivery to one destination. A refusal of the receiver is an answer. */
export interface Delivery {
  deliver(
    destination: string,
    message: {
      readonly subject: string;
      readonly text: string;
      readonly link: string | undefined;
      readonly data: Json;
    },
  ): Promise<{ readonly delivered: boolean; readonly detail: string }>;
}
