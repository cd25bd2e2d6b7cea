/** Prose, dialogue, code and figures to compare a model with itself on, where no text was given. Written for this. */
export const DEFAULT_TEXT = `The harbour wakes before the town does. At five the first boat comes in, and the gulls are there before it, as though someone had told
them. Marta counts the crates and writes the number on a board: forty-one today, thirty-eight yesterday. By six the cafe on the corner
has its lights on, and the smell of bread goes down the street ahead of the baker's boy. Nobody hurries. The sea, which decides most things
here, does not hurry either.

"Is there a train to the city this morning?" asked the visitor.
"There are two," said Marta, "one at 7:15 and one at 9:40. The first is faster, but the second has a dining car."
"Then I will take the second. How much is a ticket?"
"Eighteen for a single, thirty for a return, if you come back within a week."

To make a simple vegetable soup, chop two onions, three carrots and a stick of celery. Warm a spoonful of oil in a large pot, add the vegetables, and
stir for about ten minutes until they are soft. Pour in a litre of water, add salt, a bay leaf and a cup of lentils, and let it simmer for half an
hour. Taste it before you serve it; most soups need more salt than one expects, and a little lemon juice at the end does no harm.

Light travels through empty space at about three hundred thousand kilometres a second, so sunlight needs a little more than eight minutes to reach
the Earth. When it enters the air, molecules scatter the short waves of blue light more strongly than the long waves of red. That is why the
sky is blue by day, and why the sun is red when it sets: its light then comes a longer way through the air, and most of the blue is gone.

function average(numbers) {
  if (numbers.length === 0) return undefined;
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum / numbers.length;
}

{"name": "porch light", "watts": 7, "colours": ["warm", "cold"], "on": true}

Days: Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday. Seven times eight is fifty-six; a hundred less nine is ninety-one.

A good tool is one that can be explained to a friend in a few sentences, that does what it says, and that says what it did. When something goes
wrong, it should say what went wrong and what can be done about it, in words that a tired person understands late in the evening. All the rest, the
speed, the looks, the long list of features, comes after that.
`;
