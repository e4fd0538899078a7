/** This version of dr-autopilot, as package.json has it: a bundle has no package.json of ours, and its events say who wrote them. */
export const VERSION = '0.1.0';
