/** What can bring a primary back as what it is, the least first (design.md section 8). */
export const REMEDIES = ['failover', 'restart'] as const;
export type Remedy = (typeof REMEDIES)[number];

/** Whether a remedy can be tried now, by what `dr.yaml` lists and the evidence shows, and why or why not. */
export interface RemedyVerdict {
  readonly remedy: Remedy;
  readonly isPossible: boolean;
  readonly because: string;
}
