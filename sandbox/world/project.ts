/** The Google Cloud project that a world is. Some APIs name it by its id, some by its number, some take both. */
export interface Project {
  readonly id: string;
  readonly number: string;
}

/** The reference project. */
export const REFERENCE_PROJECT: Project = { id: 'coditect-prod', number: '482913746501' };
