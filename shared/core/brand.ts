/** A nominal type: a `Base` that only the constructor for `Name` may make. Erased at run time. */
export type Brand<Base, Name extends string> = Base & { readonly __brand: Name };
