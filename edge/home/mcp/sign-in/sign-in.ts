import { z } from "zod";

export const signInSchema = z.object({ name: z.string(), url: z.string(), state: z.enum(["signed_in", "needed"]) });
/** Where somebody signed in: `needed` once that has ended and its person must do it again. */
export type SignIn = z.infer<typeof signInSchema>;

/** Where people signed in; what a sign-in is made of is kept elsewhere. */
export interface SignIns {
  of(userId: string): SignIn[];
  put(userId: string, signIn: SignIn): void;
  remove(userId: string, name: string): void;
  removeOf(userId: string): void;
}
