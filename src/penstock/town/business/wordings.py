"""What officers write back, by intent. {first} wrote the mail they answer, {company} is where they work, {month} its
renewal month, {colleague} and {email} somebody else there who would know.

Our own words, as messy as people are: the product has to read them without having seen this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

POSITIVE: Final = (
    "Good timing, our renewal is coming up. Can we talk next week?",
    "Yes, I'd be interested in a comparison. What do you need from us?",
    "Sure, let's set up a call. Tuesday or Wednesday afternoon works.",
    "Happy to take a look. Send me a few times please.",
    "We were just discussing this with the leadership team. Please call me.",
    "ok lets talk, 20 min is fine",
    "Interested. Our rates went up 14 percent last year and I'd like a second opinion.",
    "We renew in {month} so yes, now would be the time. When are you free?",
    "I'd like to see what you can do for {company}. What's the next step?",
    "Go ahead and send over what you have, and let's find half an hour.",
    "Yes please reach out, my assistant can find a slot.",
    "This is something we plan to review this quarter. Could you walk us through it?",
    "Count us in for a first conversation.",
    "Hi {first}, thanks for this. I am open to a meeting, mornings are best.",
    "Please schedule something with me for next week.",
    "That sounds useful. I'd want our broker's quote next to yours, so let's talk before {month}.",
    "You caught me at the right moment, I have the renewal papers on my desk. Call me.",
    "Yes, let's connect. I'm in the office Thursday and Friday.",
)
QUESTION: Final = (
    "What carriers do you work with?",
    "How are you paid, commission or fee?",
    "Do you have experience with companies of our size in our industry?",
    "Where did you get our renewal date from?",
    "Would this mean changing carriers, or could we keep the current plan?",
    "What information would you need to give us a quote?",
    "Is there any cost to us for the review?",
    "Are you licensed in our state? We have people in three others too.",
    "Who else in {month} renewals have you worked with?",
    "How long does the whole process take? We had a bad experience last time.",
    "Can you handle level funded plans?",
    "hi {first} - do you also do dental and vision?",
    "What does the switch look like for our employees?",
    "Do you replace our current broker or work alongside them?",
    "What makes you different from the five others who wrote to me this week?",
)
NOT_NOW: Final = (
    "We just renewed. Get back to me in six months.",
    "Not the right time, we signed for this year already. Try me again next summer.",
    "We are in the middle of an acquisition, nothing will change before that is through. Maybe later.",
    "Check back with us closer to {month}.",
    "Swamped with the audit until the end of the quarter, please follow up after that.",
    "Bad timing. Reach out again in the spring.",
    "Not this year, budgets are closed. Happy to hear from you next year.",
    "We're locked in for two years. Touch base then.",
    "Maybe down the road, not now.",
    "Can you circle back in three months? We have no bandwidth at the moment.",
    "Let's revisit this once we have hired our new controller.",
    "Too early for us, ping me again 60 days before the renewal.",
)
REFERRAL: Final = (
    "I'm not the one who handles this. {colleague} is your best contact.",
    "Please talk to {colleague} about benefits, I stay out of it.",
    "You'd want {colleague} for that: {email}",
    "Forwarding this to {colleague}, who takes care of our renewals.",
    "That decision sits with {colleague}. You can reach them at {email}.",
    "Not my area. Try {colleague}.",
    "{colleague} runs our benefits program, please write to {email} instead.",
    "I've copied {colleague}, please continue with them.",
    "My colleague {colleague} is in charge of insurance and renewals here.",
    "Wrong desk, but {colleague} may be interested.",
)
NEGATIVE: Final = (
    "No thanks, we are happy with our broker.",
    "Not interested.",
    "We have a long relationship with our current advisor and don't plan to change.",
    "We're all set, thank you.",
    "Thanks, but no.",
    "We handle this in house.",
    "Our parent company takes care of all benefits. No need on our side.",
    "I'll pass.",
    "no thank you",
    "We are part of a PEO so this doesn't apply to us.",
    "We looked at this last year and decided against it. Nothing has changed.",
    "Appreciate the note, but it's a no.",
    "Not a fit for {company}.",
    "My brother-in-law is our broker. You will understand.",
    "We are not going to switch.",
)
UNSUBSCRIBE: Final = (
    "Please remove me from your list.",
    "Unsubscribe",
    "STOP",
    "Take me off your mailing list please.",
    "Do not email me again.",
    "Remove {company} from your database.",
    "I get ten of these a day. Stop.",
    "Please don't contact me or my colleagues again.",
    "opt out",
    "This is unsolicited. Remove me immediately or I'll have IT block your domain.",
    "Stop emailing us.",
    "Kindly delete my contact details.",
    "No more of these please, take me off.",
)
OUT_OF_OFFICE: Final = (
    "I am out of the office until {back} with limited access to email.",
    "Thank you for your message. I am traveling and will respond when I return on {back}.",
    "AUTOMATIC REPLY: on leave through {back}. For urgent matters please contact our front desk.",
    "I'm at a conference and back at my desk on {back}.",
    "Out of office. I will be back {back}.",
    "I am on parental leave until {back}. My colleagues will be glad to help you.",
)
LEFT: Final = (
    "{name} is no longer with {company}. Please contact our main office.",
    "Thank you for your email. {name} has left {company}. This mailbox is not monitored.",
    "This is an automatic response: {name} no longer works at {company}. Please update your records.",
    "{name} is no longer employed here. Your message has not been forwarded.",
)
BY_INTENT: Final[Mapping[str, tuple[str, ...]]] = {
    "positive": POSITIVE,
    "question": QUESTION,
    "not_now": NOT_NOW,
    "referral": REFERRAL,
    "negative": NEGATIVE,
    "unsubscribe": UNSUBSCRIBE,
    "out_of_office": OUT_OF_OFFICE,
    "left_company": LEFT,
}
SIGNATURES: Final = (
    "\n\n{name}",
    "\n\nBest,\n{given}",
    "\n\n{name}\n{title}, {company}",
    "\n\nRegards,\n{name}\n{title}\n{company}\n{phone}",
    "\n\nSent from my iPhone",
    "\n\n--\n{name} | {title} | {company} | {phone}\nThis message may contain confidential information.",
)
