import { App, InteractionMachine, states } from 'vumigo_v02';
import { Mood, fail, greeting } from '@text/greeting';

declare const api: unknown;

interface Im { msg: { content: string | null } }

class MenuApp extends App {
    declare states: { add(name: string, creator: (name: string) => unknown): void };
    declare im: Im;

    constructor() {
        super('start');
        this.states.add('start', (name: string) => {
            if (this.im.msg.content === 'fail') {
                fail();
            }
            return new states.EndState(name, { text: greeting(Mood.Glad), next: 'start' });
        });
    }
}

export const im = new InteractionMachine(api, new MenuApp());
