import { en } from 'zod/locales'
import * as z from 'zod/mini'

/** `zod/mini` brings no sentences of its own: who shows the `message` of an issue imports this file. */
z.config(en())
