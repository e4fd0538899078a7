import { z } from 'zod';
import type { Json } from '../core/json.ts';
import { wire } from './schema.ts';

/**
 * The form of `dr.yaml` as a JSON Schema (draft 7, which editors know best), with descriptions and defaults. It says less
 * than `./dr config check`: no contradictions.
 */
export function systemJsonSchema(): Json {
  // Made of plain data by zod; passing it through JSON drops its methods and says so to the type checker.
  const schema: Json = JSON.parse(JSON.stringify(z.toJSONSchema(wire, { io: 'input', target: 'draft-7' })));
  return { title: 'dr.yaml of dr-autopilot', ...(schema as { readonly [key: string]: Json }) };
}
