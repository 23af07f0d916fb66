// A value that views follow.

import { useEffect, useState } from "preact/hooks";

export class Store<T extends object> {
  private readonly followers = new Set<() => void>();

  constructor(private current: T) {}

  get value(): T {
    return this.current;
  }

  /** Replaces some members and tells the followers, unless nothing changed. */
  set(change: Partial<T>): void {
    const keys = Object.keys(change) as (keyof T)[];
    if (keys.every((k) => Object.is(this.current[k], change[k]))) return;
    this.current = { ...this.current, ...change };
    this.followers.forEach((f) => f());
  }

  follow(f: () => void): () => void {
    this.followers.add(f);
    return () => this.followers.delete(f);
  }
}

/** Renders again whenever the store changes. */
export function useStore<T extends object>(store: Store<T>): T {
  const [value, setValue] = useState(store.value);
  useEffect(() => {
    setValue(store.value);
    return store.follow(() => setValue(store.value));
  }, [store]);
  return value;
}
