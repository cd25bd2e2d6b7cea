// In place of Node's own types, which Stripe's SDK asks for and which clash with those of Workers.
declare namespace NodeJS {}
