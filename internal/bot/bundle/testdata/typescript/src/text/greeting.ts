import counts from '../counts.json';

export enum Mood { Plain = 'plain', Glad = 'glad' }

export function greeting(mood: Mood): string {
    return mood === Mood.Glad ? `Good to see you, number ${counts.next}!` : 'Hello.';
}

export function fail(): never {
    throw new Error('failed on line 10 of greeting.ts');
}
