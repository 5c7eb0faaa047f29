"""Titles and the slots they fill: the decisions of titles.yaml, one title each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.identity import SLOTS, claim_of_title, slot_of_title

DECIDED = {
    ("CEO", 1): """
        CEO; C.E.O.; ceo; Chief Executive Officer; Chief Executive; CHIEF EXECUTIVE OFFICER (CEO); President &
        CEO; President/CEO; President and Chief Executive Officer; Chairman, President & CEO; Founder & CEO;
        Co-Founder, CEO; CEO & Founder at Acme; CEO @ Acme | Speaker | Author; Interim CEO; Acting Chief
        Executive Officer; CEO, former CFO of Beta; Group CEO; Owner, CEO & CFO; CEO and Board Member; Vice
        Chair & CEO; Chief Exec Officer; Presidente — CEO; CEO - North Star Bank;
        """,
    ("CEO", 2): """
        Owner; Co-Owner; Business Owner; Owner/Operator; Owner, President; President; PRESIDENT; Pres.;
        Founder; Co-Founder; Cofounder; Managing Partner; Managing Member; Managing Director; Executive
        Director; Proprietor; Sole Proprietor; Founding Partner; Owner and Sales Manager; President & Founder;
        Executive Director, Center for Research; Owner & COO; Exec. Director; Chairman and President;
        """,
    ("CFO", 1): """
        CFO; C.F.O.; Chief Financial Officer; Chief Finance Officer; CHIEF FINANCIAL OFFICER; CFO & COO;
        President & CFO; CFO and Corporate Secretary; CFO & Assistant Secretary; SVP & Chief Financial
        Officer; EVP, CFO; Chief Financial & Administrative Officer; Interim CFO; CFO, Treasurer; Owner/CFO;
        Vice President and CFO;
        """,
    ("CFO", 2): """
        Controller; TREAS; Comptroller; Corporate Controller; Treasurer; Secretary/Treasurer; Secretary-Treasurer; VP
        Finance; V.P. of Finance; Vice President, Finance; SVP Finance & Administration; Director of Finance;
        Finance Director; Head of Finance; Financial Director; Managing Director, Finance; Chief Accounting
        Officer; VP Finance and Operations;
        """,
    ("HR", 1): """
        CHRO; Chief Human Resources Officer; Chief People Officer; Chief People & Culture Officer; Chief
        Talent Officer; VP People; VP of People Operations; Vice President of Human Resources; SVP, HR; Head
        of HR; HR Head; HR Director; Director of Human Resources; Dir. of HR; Director, People & Culture; Head
        of People; Director of Human Capital; Executive Director of Human Resources; VP HR, North America;
        Regional HR Director; Director of Personnel; VP Finance & HR; VP HR & Talent Acquisition;
        """,
    ("HR", 2): """
        HR Manager; Human Resources Manager; H.R. Manager; Sr. HR Manager; Manager, Human Resources; Benefits
        Manager; Director of Benefits; VP, Total Rewards; HR; Human Resources; HR Generalist; People
        Operations Manager; HR/Payroll Manager; HR & Admin Manager; HR Supervisor; Compensation and Benefits
        Manager; Director of Talent; HR Lead; Personnel Manager;
        """,
    None: """
        Assistant to the CEO; Executive Assistant to the CEO; Executive Assistant, CEO; EA to CFO; Former CEO;
        Ex-CEO; CEO Emeritus; Retired President; Past President; Immediate Past President; President-Elect;
        Incoming CFO; Former President & CEO; CEO, North America; President, EMEA; Division CFO; Regional
        President; Chapter President; Plant Controller; President, Sales; President of Marketing; Executive
        Director, Marketing; Managing Director, Technology; Founder & CTO; President & COO; Co-Founder, Chief
        Scientist; Vice President; Vice-President; VP; EVP; Senior Vice President, Sales; Director; Partner;
        Principal; Chairman; Board Member; Secretary; Manager; Member; Trustee; General Manager; Office
        Manager; Bookkeeper; Accountant; Accounting Manager; Finance Manager; Payroll Manager; Assistant
        Treasurer; Assistant Controller; Deputy CFO; Associate Director, HR; HR Coordinator; HR Assistant; HR
        Specialist; HR Business Partner; Benefits Coordinator; Benefits Analyst; Recruiter; Talent Acquisition
        Manager; HR Consultant; Head of People Analytics; HRIS Manager; HR Technology Director; Chief of
        Staff; Advisor to the CFO; Fractional CFO; Product Owner; Owner's Representative; CTO; COO; CMO; Chief
        Operating Officer; Chief Product Officer; Pastor; Superintendent; Software Engineer; VP Financial
        Planning & Analysis; Director of Financial Aid; Inventory Controller; Board Treasurer; Board
        President; AVP Finance; HR Intern; Financial Advisor; CPO; Office of the CEO; Reporting to the CEO;
        Sales Director, People's Bank; Ceodirector; -; 123;
        """,
}
CASES = [(title, claim) for claim, block in DECIDED.items() for title in block.split(";")]
CASES = [(" ".join(title.split()), claim) for title, claim in CASES if title.strip()]
# Divided into clauses, a semicolon among them: one a line.
DIVIDED = {
    ("CEO", 1): """
        Owner / CEO
        President | CEO
        President & CEO | Sales
        CEO | Speaker | Advisor
        CEO - Acme | Coach
        CEO; former CFO of Beta
        CEO; CFO until 2020
        CEO, formerly CFO until 2020
        CEO | Retired Army Officer
        CEO | Legal | Compliance
        CEO | Advisor
        CEO | Board Advisor
        Founder & CEO | Coach
        Volunteer • CEO
    """,
    ("CEO", 2): """
        Owner | Sales
        Owner | Consultant
        Owner | Property Manager
        President | Speaker
        President; HR
    """,
    ("CFO", 1): """
        CFO - Treasurer
        CFO | Finance
        CFO; Founder | CTO
        CFO | Consultant
        CFO | Student
    """,
    ("HR", 1): """
        VP, HR
        VP HR - EMEA
        HR Director | North America
    """,
    ("HR", 2): """
        HR | People
        HR Manager | Recruiter
        HR - United States
    """,
    None: """
        CFO - Retired
        CFO | Retired
        Retired; CFO
        CFO • Retired | Speaker
        Former - CEO
        CEO – Former
        Former | President
        CEO, Former
        CEO (former)
        Chief Financial Officer - Deceased
        Assistant - CFO
        Assistant | Deputy | CFO
        CEO - EMEA
        CEO - North America
        CFO – EMEA
        CFO | Asia & Australia
        North America | CEO
        CEO; Midwest Region
        Consultant | Fractional | CFO
        CFO — Fractional
        Intern | HR
        HR | Recruiter
        HR | Benefits Coordinator
        Student | HR
        President | Sales
        President - Sales and Marketing
        Founder | CTO
        CFO until 2020
        CFO at Acme until 2020
    """,
}
CASES += [(line.strip(), claim) for claim, block in DIVIDED.items() for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize(("title", "claim"), CASES)
def test_a_title_fills_its_slot(title: str, claim: tuple[str, int] | None) -> None:
    assert claim_of_title(title) == claim
    assert slot_of_title(title) == (claim and claim[0])


def test_no_title_fills_no_slot() -> None:
    assert slot_of_title(None) is None
    assert slot_of_title("") is None


@given(st.text(max_size=60))
def test_any_text_gets_an_answer_and_case_does_not_matter(title: str) -> None:
    assert slot_of_title(title) in {None, *SLOTS}
    if title.isascii():
        assert claim_of_title(title.upper()) == claim_of_title(title.lower())
