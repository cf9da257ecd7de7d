"""All tables in one place, for migrations."""

from duet.accounts.models import Person
from duet.couple.models import Couple, Invite, Member
from duet.database import Base
from duet.dday.models import Dday
from duet.mood.models import Mood
from duet.photo.models import Photo

__all__ = ["Base", "Couple", "Dday", "Invite", "Member", "Mood", "Person", "Photo"]
